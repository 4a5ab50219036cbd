// kill -9 at random moments: every acknowledged event is there afterwards, batches are whole, and no lock is left behind.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { collect } from './contract-fixture.ts';
import { openSqliteLogs } from './sqlite.ts';

const dir = mkdtempSync(join(tmpdir(), 'periplus-crash-'));
afterAll(() => rmSync(dir, { recursive: true }));
const child = new URL('./sqlite-crash.child.ts', import.meta.url).pathname;

/** Starts the child, kills it after `lines` lines of output and some more, and gives what it acknowledged. */
function runAndKill(run: number, lines: number): Promise<Map<number, string>> {
  const acknowledged = new Map<number, string>();
  return new Promise((resolve, reject) => {
    const writer = spawn(process.execPath, [child, dir, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    let seen = 0;
    writer.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (output += text).split('\n');
      output = parts.pop() ?? '';
      for (const [position = '', id = ''] of parts.map((line) => line.split(' '))) {
        if (position !== 'open') acknowledged.set(Number(position), id);
      }
      if ((seen += parts.length) >= lines) writer.kill('SIGKILL');
    });
    writer.on('error', reject);
    writer.on('close', (code, signal) =>
      signal === 'SIGKILL' ? resolve(acknowledged) : reject(new Error(`exit ${code}`)),
    );
  });
}

describe('a SqliteLog whose process is killed', () => {
  it('has every acknowledged event, whole batches, and opens at once, ten times over', {
    timeout: 60_000,
  }, async () => {
    const acknowledged = new Map<number, string>();
    for (let run = 0; run < 10; run++) {
      // Spread over the first commit, the middle of a WAL, and past its checkpoints.
      for (const [position, id] of await runAndKill(run, 2 + run * run * 7)) acknowledged.set(position, id);
      const { facts, deliveries } = await openSqliteLogs(dir);
      const events = await collect(facts.read());
      for (const [position, id] of acknowledged) expect(events[position - 1]?.id).toBe(id);
      expect(await facts.verify()).toMatchObject({ ok: true, events: events.length });
      const last = (size: number) => events.filter((event) => event.id.endsWith(`-${size}`)).length;
      // Batches have 1, 3 and 40 events: ids ending in -40 come with exactly one -39, and so on.
      expect(last(39)).toBe(last(40));
      expect(last(2)).toBe(last(3));
      await facts.close();
      await deliveries.close();
    }
    expect(acknowledged.size).toBeGreaterThan(500);
  });

  it('leaves no lock behind when one of its files cannot be opened', async () => {
    const folder = join(dir, 'broken');
    mkdirSync(folder);
    writeFileSync(join(folder, 'deliveries.db'), 'this is no database, whatever its name says'.repeat(100));
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openSqliteLogs(folder)).rejects.toMatchObject({
        code: 'corrupt',
        message: expect.stringContaining('deliveries.db'),
      });
    }
  });

  it('names the process that holds the folder while it is open', async () => {
    const held = await openSqliteLogs(dir);
    const attempt = openSqliteLogs(dir);
    await expect(attempt).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await held.facts.close();
    await expect(openSqliteLogs(dir)).rejects.toMatchObject({ code: 'unavailable' });
    await held.deliveries.close();
    const again = await openSqliteLogs(dir);
    await again.facts.close();
    await again.deliveries.close();
  });
});
