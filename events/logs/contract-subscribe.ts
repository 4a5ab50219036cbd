// Contract of subscriptions: etcd's watch promises (etcd.io/docs/latest/learning/api_guarantees).
import { describe, expect, it } from 'vitest';
import type { EventBatch, EventLog } from '../event-log.ts';
import {
  batchesUntil,
  collect,
  idsOf,
  type OpenForTest,
  testAppend,
  testAppends,
  withLog,
} from './contract-fixture.ts';

type Filter = { readonly subject?: string; readonly types?: readonly string[] };

/** A subscription as an iterator, with the means to end it. */
function start(log: EventLog, after: number, filter: Filter = {}) {
  const abort = new AbortController();
  const batches = log.subscribe({ after, signal: abort.signal, ...filter })[Symbol.asyncIterator]();
  return { batches, abort: () => abort.abort() };
}

const idsIn = (batches: readonly EventBatch[]) => idsOf(batches.flatMap((batch) => batch.events));

/** See contract.ts. */
export function describeSubscribe(open: OpenForTest): void {
  describe('subscribe', () => {
    it('delivers what there is and then each new event: ordered, unique, complete', () =>
      withLog(open, async (log) => {
        await log.append(testAppends('old', 5));
        const { batches, abort } = start(log, 0);
        const first = await batchesUntil(batches, 5);
        const writing = (async () => {
          for (let i = 0; i < 20; i++) await log.append(testAppends(`new${i}-`, 3));
        })();
        const rest = await batchesUntil(batches, 65);
        await writing;
        abort();
        const positions = [...first, ...rest].flatMap((batch) => batch.events).map((event) => event.position);
        expect(positions).toEqual(Array.from({ length: 65 }, (_, i) => i + 1));
      }));

    it('never splits a batch, neither live nor in a replay from any place', () =>
      withLog(open, async (log) => {
        const live = start(log, 0);
        const sizes = [1, 700, 3, 900, 2, 1500, 40];
        const ends: number[] = [];
        for (const [i, size] of sizes.entries()) {
          await log.append(testAppends(`${i}-`, size));
          ends.push((ends.at(-1) ?? 0) + size);
        }
        const head = (await log.head()).position;
        const whole = (batches: readonly EventBatch[]) => {
          const { length } = batches.filter((batch) => batch.events.length > 0);
          expect(length).toBeGreaterThan(0);
          for (const [i, size] of sizes.entries()) {
            const holding = batches.filter((batch) => batch.events.some((event) => event.id.startsWith(`${i}-`)));
            expect(holding).toHaveLength(1);
            expect(holding[0]?.events.filter((event) => event.id.startsWith(`${i}-`))).toHaveLength(size);
          }
        };
        whole(await batchesUntil(live.batches, head));
        live.abort();
        const replay = start(log, 0);
        whole(await batchesUntil(replay.batches, head));
        replay.abort();
      }));

    it('resumes after any bookmark without a gap or a repetition', () =>
      withLog(open, async (log) => {
        for (let i = 0; i < 8; i++) await log.append(testAppends(`${i}-`, 400));
        const head = (await log.head()).position;
        const all = await collect(log.read());
        for (const after of [0, 1, 399, 400, 1234, head - 1]) {
          const { batches, abort } = start(log, after);
          const got = (await batchesUntil(batches, head)).flatMap((batch) => batch.events);
          abort();
          expect(got).toEqual(all.slice(after));
        }
      }));

    it('says at once that it is live when it starts at the head', () =>
      withLog(open, async (log) => {
        await log.append(testAppends('a', 3));
        for (const after of [3]) {
          const { batches, abort } = start(log, after);
          expect(await batches.next()).toEqual({ done: false, value: { events: [], bookmark: 3, live: true } });
          abort();
        }
      }));

    it('is live from the batch on that reaches the head of the call', () =>
      withLog(open, async (log) => {
        for (let i = 0; i < 5; i++) await log.append(testAppends(`${i}-`, 1100));
        const head = (await log.head()).position;
        const { batches, abort } = start(log, 0);
        const taken = await batchesUntil(batches, head);
        abort();
        for (const batch of taken) expect(batch.live).toBe(batch.bookmark >= head);
      }));

    it('moves bookmarks on where filters leave everything out', () =>
      withLog(open, async (log) => {
        const { batches, abort } = start(log, 0, { subject: 'wanted', types: ['test.happened'] });
        expect((await batches.next()).value).toMatchObject({ events: [], bookmark: 0, live: true });
        await log.append(testAppends('no', 3));
        expect(await batchesUntil(batches, 3)).toMatchObject([{ events: [], bookmark: 3 }]);
        await log.append([testAppend('yes', 'wanted/1'), testAppend('no', 'wanted/1', { type: 'test.other' })]);
        const taken = await batchesUntil(batches, 4);
        expect(idsIn(taken)).toEqual(['yes']);
        abort();
      }));

    it('serves several subscribers, each at its own pace, a batch at a time', () =>
      withLog(open, async (log) => {
        const fast = start(log, 0);
        const slow = start(log, 0);
        for (let i = 0; i < 10; i++) {
          await log.append([testAppend(`e${i}`)]);
          await batchesUntil(fast.batches, i + 1);
        }
        expect(idsIn(await batchesUntil(slow.batches, 10))).toEqual(Array.from({ length: 10 }, (_, i) => `e${i}`));
        fast.abort();
        slow.abort();
      }));

    it('wakes a waiting subscriber on append', () =>
      withLog(open, async (log) => {
        const { batches, abort } = start(log, 0);
        await batches.next();
        const waiting = batches.next();
        await log.append([testAppend('1')]);
        expect((await waiting).value).toMatchObject({ bookmark: 1, live: true });
        abort();
      }));

    it('ends on abort: while waiting, between batches, and when aborted from the start', () =>
      withLog(open, async (log) => {
        const waiting = start(log, 0);
        await waiting.batches.next();
        const next = waiting.batches.next();
        waiting.abort();
        expect(await next).toEqual({ done: true, value: undefined });
        const between = start(log, 0);
        await between.batches.next();
        between.abort();
        await log.append([testAppend('1')]);
        expect((await between.batches.next()).done).toBe(true);
        const never = start(log, 0);
        never.abort();
        expect((await never.batches.next()).done).toBe(true);
      }));

    it('refuses a bookmark beyond the head and fails when the log is closed', () =>
      withLog(open, async (log) => {
        const beyond = start(log, 7);
        await expect(beyond.batches.next()).rejects.toMatchObject({ code: 'invalid' });
        const { batches } = start(log, 0);
        await batches.next();
        const failed = expect(batches.next()).rejects.toMatchObject({ code: 'unavailable' });
        await log.close();
        await failed;
      }));
  });
}
