import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../events/envelope.ts';
import { openSqliteLogs } from '../events/logs/sqlite.ts';
import { createJoinTokens } from './join-tokens.ts';

const folder = mkdtempSync(join(tmpdir(), 'periplus-tokens-'));
const clock = { nowMs: () => Date.UTC(2026, 0, 1), sleep: async () => {} };
const request = { log: `sqlite:${folder}`, workingDirectory: folder, actor: 'user:anna', clock };

async function facts(): Promise<readonly RecordedEvent[]> {
  const logs = await openSqliteLogs(folder);
  const all: RecordedEvent[] = [];
  for await (const event of logs.facts.read()) all.push(event);
  await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  return all;
}

beforeAll(facts);
afterAll(() => rmSync(folder, { recursive: true }));

describe('createJoinTokens', () => {
  it('makes nothing when one of the IDs is none', async () => {
    const spiffeIds = ['spiffe://cluster.local/ns/a/sa/b', 'http://x'];
    await expect(createJoinTokens({ ...request, spiffeIds })).rejects.toMatchObject({ code: 'invalid' });
    expect(await facts()).toEqual([]);
  });

  it('makes a token for each ID, in order, of which the log has the hash alone', async () => {
    const spiffeIds = ['spiffe://cluster.local/ns/a/sa/b', 'spiffe://cluster.local/ns/a/sa/c'];
    const made = await createJoinTokens({ ...request, spiffeIds, lifeMs: 60_000 });
    const events = await facts();
    expect(events.map(({ actor, data }) => [actor, (data as { spiffeId: string }).spiffeId])).toEqual(
      spiffeIds.map((id) => ['user:anna', id]),
    );
    expect(made.map(({ expiresAt }) => expiresAt)).toEqual(Array(2).fill('2026-01-01T00:01:00.000Z'));
    for (const { token } of made) expect(JSON.stringify(events)).not.toContain(token.slice(4));
  });
});
