// Key sets reach the log as facts: once each, failures kept apart from the keys that were there, loops ended with their policies.
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MeshLogs } from '../../events/event-log.ts';
import { openMemoryLogs } from '../../events/logs/memory.ts';
import { Latest } from '../../lib/latest.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { builderOf, configApplied, configDeleted, recorded, resourceOf } from '../../mesh/snapshot-fixture.ts';
import type { JwksResult } from './jwks-fetch.ts';
import { JwksFetcher } from './jwks-fetcher.ts';

const uri = 'https://issuer.example/keys';
const policy = resourceOf('RequestAuthentication', 'jwt', {
  jwtRules: [{ issuer: 'https://issuer.example', jwksUri: uri }],
});

describe('the key set fetcher', () => {
  let logs: MeshLogs;
  let stop: AbortController;
  let running: Promise<void>;
  const snapshots = new Latest<Snapshot>();
  let answers: JwksResult[];
  let asked: string[];
  /** Resolves sleeps one by one. */
  let wake: ((done: () => void) => void)[];
  const slept: number[] = [];

  beforeEach(() => {
    logs = openMemoryLogs();
    stop = new AbortController();
    asked = [];
    wake = [];
    slept.length = 0;
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  function start() {
    const clock = {
      nowMs: () => 0,
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          slept.push(ms);
          wake.push(() => resolve());
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    };
    const fetcher = new JwksFetcher({
      facts: logs.facts,
      snapshots,
      clock,
      logger: pino({ level: 'silent' }),
      pilot: 'test',
      fetch: async (from) => {
        asked.push(from);
        return answers.shift() ?? { problem: 'no more answers' };
      },
    });
    running = fetcher.run(stop.signal);
  }

  async function facts() {
    const found = [];
    for await (const event of logs.facts.read()) found.push(event);
    return found;
  }

  async function until(condition: () => boolean) {
    for (let i = 0; i < 1000 && !condition(); i++) await new Promise((resolve) => setImmediate(resolve));
    expect(condition()).toBe(true);
  }

  it('records a new key set once, and a failure without forgetting the keys', async () => {
    const builder = builderOf({});
    builder.apply(recorded(configApplied(policy), builder.position + 1));
    snapshots.set(builder.snapshot());
    answers = [
      { jwks: '{"keys":[1]}' },
      { jwks: '{"keys":[1]}' },
      { problem: 'answered 500' },
      { problem: 'answered 500' },
    ];
    start();
    await until(() => slept.length === 1);
    expect((await facts()).map(({ subject, data }) => [subject, data])).toEqual([
      [`policy/jwks/${uri}`, { uri, jwks: '{"keys":[1]}' }],
    ]);
    for (const event of await facts()) builder.apply({ ...event, position: builder.position + 1 });
    snapshots.set(builder.snapshot());
    for (const round of [2, 3, 4]) {
      wake.shift()?.(() => {});
      await until(() => slept.length === round);
      const all = await facts();
      if (round === 3) builder.apply({ ...(all.at(-1) ?? expect.unreachable()), position: builder.position + 1 });
      if (round === 3) snapshots.set(builder.snapshot());
    }
    expect((await facts()).map(({ data }) => data)).toEqual([
      { uri, jwks: '{"keys":[1]}' },
      { uri, problem: 'answered 500' },
    ]);
    expect(builder.snapshot().keySets.get(uri)).toMatchObject({ jwks: '{"keys":[1]}', problem: 'answered 500' });
    expect(slept).toEqual([1_200_000, 1_200_000, 2_000, 4_000]);
  });

  it('stops asking when no policy names the key set any more', async () => {
    const builder = builderOf({});
    builder.apply(recorded(configApplied(policy), builder.position + 1));
    snapshots.set(builder.snapshot());
    answers = [{ jwks: '{"keys":[1]}' }];
    start();
    await until(() => slept.length === 1);
    builder.apply(recorded(configDeleted(policy), builder.position + 1));
    snapshots.set(builder.snapshot());
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual([uri]);
    expect(slept.length).toBe(1);
  });
});
