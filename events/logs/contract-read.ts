// Contract of reading: filters, order, limits, times, snapshots.
import { describe, expect, it } from 'vitest';
import type { EventLog, ReadOptions } from '../event-log.ts';
import { collect, idsOf, type OpenForTest, testAppend, testAppends, withLog } from './contract-fixture.ts';

const read = async (log: EventLog, options?: ReadOptions) => idsOf(await collect(log.read(options)));

/** See contract.ts. */
export function describeRead(open: OpenForTest): void {
  describe('read', () => {
    const withFive = (body: (log: EventLog) => Promise<void>) =>
      withLog(open, async (log) => {
        await log.append([
          testAppend('1', 'config/A/x'),
          testAppend('2', 'config/A/y', { type: 'test.other' }),
          testAppend('3', 'config/AB/x'),
        ]);
        await log.append([testAppend('4', 'config/A', { type: 'test.other' }), testAppend('5', 'config/A/x')]);
        await body(log);
      });

    it('gives all events in order, or the newest first', () =>
      withFive(async (log) => {
        expect(await read(log)).toEqual(['1', '2', '3', '4', '5']);
        expect(await read(log, { reverse: true })).toEqual(['5', '4', '3', '2', '1']);
      }));

    it('keeps to from, to and limit, also in reverse and outside the log', () =>
      withFive(async (log) => {
        expect(await read(log, { from: 2, to: 4 })).toEqual(['2', '3', '4']);
        expect(await read(log, { from: 2, to: 4, reverse: true, limit: 2 })).toEqual(['4', '3']);
        expect(await read(log, { from: -5, to: 99, limit: 2 })).toEqual(['1', '2']);
        expect(await read(log, { from: 6 })).toEqual([]);
        expect(await read(log, { limit: 0 })).toEqual([]);
        expect(await read(log, { from: 4, to: 2 })).toEqual([]);
      }));

    it('takes a subject for itself and everything below it, not for its namesakes', () =>
      withFive(async (log) => {
        expect(await read(log, { subject: 'config/A' })).toEqual(['1', '2', '4', '5']);
        expect(await read(log, { subject: 'config/A/x' })).toEqual(['1', '5']);
        expect(await read(log, { subject: 'config' })).toEqual(['1', '2', '3', '4', '5']);
        expect(await read(log, { subject: 'config/' })).toEqual([]);
        expect(await read(log, { subject: 'con' })).toEqual([]);
      }));

    it('filters by type and by both, counting the limit after the filters', () =>
      withFive(async (log) => {
        expect(await read(log, { types: ['test.other'] })).toEqual(['2', '4']);
        expect(await read(log, { types: [] })).toEqual([]);
        expect(await read(log, { subject: 'config/A', types: ['test.happened'] })).toEqual(['1', '5']);
        expect(await read(log, { subject: 'config/A', from: 2, limit: 2 })).toEqual(['2', '4']);
        expect(await read(log, { subject: 'config/A', reverse: true, limit: 3, to: 4 })).toEqual(['4', '2', '1']);
      }));

    it('ends at the head as it was at the time of the call', () =>
      withFive(async (log) => {
        const events = log.read();
        await log.append([testAppend('6')]);
        expect(idsOf(await collect(events))).toEqual(['1', '2', '3', '4', '5']);
      }));

    it('goes through a long log whole in both directions, with and without filters', () =>
      withLog(open, async (log) => {
        for (let i = 0; i < 5; i++) await log.append(testAppends(`${i}-`, 700));
        const all = await collect(log.read());
        expect(all.map((event) => event.position)).toEqual(all.map((_, i) => i + 1));
        expect(await collect(log.read({ reverse: true }))).toEqual([...all].reverse());
        const some = all.filter((event) => event.subject === 'test/1');
        expect(await collect(log.read({ subject: 'test/1' }))).toEqual(some);
        expect(await collect(log.read({ subject: 'test/1', reverse: true }))).toEqual([...some].reverse());
        expect(await collect(log.read({ types: ['test.happened'] }))).toHaveLength(3500);
      }));

    it('lets a slow reader and writers get on with each other', () =>
      withFive(async (log) => {
        const seen: string[] = [];
        for await (const event of log.read()) {
          seen.push(event.id);
          await log.append([testAppend(`during-${event.id}`)]);
        }
        expect(seen).toEqual(['1', '2', '3', '4', '5']);
        expect((await log.head()).position).toBe(10);
      }));
  });

  describe('head and positionAt', () => {
    it('gives position, hash and time of the end, now and then', () =>
      withLog(open, async (log) => {
        expect(await log.head()).toEqual({ position: 0, hash: '', time: undefined });
        await log.append([testAppend('1', 'test/a', { second: 1 })]);
        const first = await log.head();
        expect(first).toEqual({
          position: 1,
          hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          time: '2026-01-01T00:00:01.000Z',
        });
        await log.append([testAppend('2', 'test/a', { second: 2 })]);
        expect(await log.head(1)).toEqual(first);
        expect(await log.head(0)).toMatchObject({ position: 0, hash: '' });
        expect(await log.head(99)).toEqual(await log.head());
        expect((await log.head()).hash).not.toBe(first.hash);
      }));

    it('finds the last position whose time is not later, also when clocks disagreed', () =>
      withLog(open, async (log) => {
        const at = (second: number) => log.positionAt(new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString());
        expect(await at(5)).toBe(0);
        for (const second of [10, 20, 30, 15, 40]) await log.append([testAppend(`at-${second}`, 'test/a', { second })]);
        expect(await Promise.all([9, 10, 14, 15, 20, 39, 40, 99].map(at))).toEqual([0, 1, 1, 4, 4, 4, 5, 5]);
        expect(await log.positionAt('2026-01-01T01:00:10+01:00')).toBe(1);
        await expect(log.positionAt('soon')).rejects.toMatchObject({ code: 'invalid' });
      }));

    it('finds positions by time in a long log', () =>
      withLog(open, async (log) => {
        await log.append(Array.from({ length: 4000 }, (_, i) => testAppend(`${i}`, 'test/a', { second: i })));
        for (const second of [0, 999, 1000, 1500, 3000, 3998]) {
          expect(await log.positionAt(new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString())).toBe(second + 1);
        }
      }));
  });

  describe('snapshots', () => {
    it('are found by name, the newest at or before a position', () =>
      withLog(open, async (log) => {
        const save = async (name: string, byte: number) => {
          const { position, hash } = await log.head();
          await log.saveSnapshot({ name, position, hash, state: new Uint8Array([byte]) });
        };
        await save('p', 0);
        await log.append([testAppend('1'), testAppend('2')]);
        await save('p', 2);
        await save('q', 20);
        await log.append([testAppend('3')]);
        await save('p', 3);
        const load = async (name: string, position?: number) => (await log.loadSnapshot(name, position))?.state[0];
        expect(await load('p')).toBe(3);
        expect(await load('p', 2)).toBe(2);
        expect(await load('p', 1)).toBe(0);
        expect(await load('q')).toBe(20);
        expect(await load('q', 1)).toBeUndefined();
        expect(await load('r')).toBeUndefined();
        await save('p', 33);
        expect(await load('p')).toBe(33);
      }));

    it('of another history or beyond the head are refused', () =>
      withLog(open, async (log) => {
        await log.append([testAppend('1')]);
        const { hash } = await log.head();
        const state = new Uint8Array();
        const wrong = { name: 'p', position: 1, hash: 'f'.repeat(64), state };
        await expect(log.saveSnapshot(wrong)).rejects.toMatchObject({ code: 'invalid' });
        await expect(log.saveSnapshot({ name: 'p', position: 7, hash, state })).rejects.toMatchObject({
          code: 'invalid',
        });
        expect(await log.loadSnapshot('p')).toBeUndefined();
      }));
  });
}
