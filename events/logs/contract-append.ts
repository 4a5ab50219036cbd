// Contract of appending: atomic, versioned, idempotent, chained; survives a reopen.
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../lib/mesh-error.ts';
import { checkpointSubject } from '../checkpoint.ts';
import type { NewEvent } from '../envelope.ts';
import { eventHash } from '../event-hash.ts';
import {
  collect,
  idsOf,
  type OpenForTest,
  succeeded,
  testAppend,
  testAppends,
  testEvent,
  withLog,
} from './contract-fixture.ts';

/** See contract.ts. */
export function describeAppend(open: OpenForTest): void {
  describe('append', () => {
    it('numbers positions from 1 and versions per subject, and chains each subject by hash', () =>
      withLog(open, async (log) => {
        const result = succeeded(
          await log.append([testAppend('1', 'test/a'), testAppend('2', 'test/b'), testAppend('3', 'test/a')]),
        );
        expect(result.position).toBe(3);
        expect(result.events.map(({ position, version }) => [position, version])).toEqual([
          [1, 1],
          [2, 1],
          [3, 2],
        ]);
        const [first, second, third] = await collect(log.read());
        expect(first?.previousHash).toBe('');
        expect(second?.previousHash).toBe('');
        expect(third?.previousHash).toBe(first && eventHash(first));
      }));

    it('gives back every attribute as it was written', () =>
      withLog(open, async (log) => {
        const event: NewEvent = testEvent('full', 'test/ä/\u{1F6F6}"\\', {
          causes: ['c1', 'c2'],
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          dataversion: 1,
          data: { z: [1, null, 'ü\u0000\ud800'], a: { 10: true, 9: -0.5e-7 } },
        });
        const { events } = succeeded(await log.append([{ event }]));
        const read = await collect(log.read());
        expect(read).toEqual([{ ...event, specversion: '1.0', position: 1, version: 1, previousHash: '' }]);
        expect(events).toEqual(read);
      }));

    it('keeps what was recorded apart from the objects of writers and readers', () =>
      withLog(open, async (log) => {
        const data = { list: [1] };
        await log.append([testAppend('1', 'test/a', { data })]);
        data.list.push(2);
        for (const { data: read } of await collect(log.read())) (read as typeof data).list.push(3);
        const [again] = await collect(log.read());
        expect(again?.data).toEqual({ list: [1] });
      }));

    it('takes an empty batch as a no-op', () =>
      withLog(open, async (log) => {
        expect(await log.append([])).toEqual({ ok: true, position: 0, events: [] });
      }));

    it('refuses malformed events as invalid and stores nothing of their batch', () =>
      withLog(open, async (log) => {
        const bad: Partial<NewEvent>[] = [
          { id: '' },
          { subject: '' },
          { time: 'yesterday' },
          { data: undefined },
          { data: { x: Number.NaN } },
          { data: { x: 1n } },
          { dataversion: 0 },
          { subject: checkpointSubject },
        ];
        for (const more of bad) {
          const attempt = log.append([testAppend('good'), { event: { ...testEvent('bad'), ...more } }]);
          await expect(attempt, JSON.stringify(Object.keys(more))).rejects.toMatchObject({ code: 'invalid' });
        }
        expect((await log.head()).position).toBe(0);
      }));

    it('refuses an event that is too large as exhausted', () =>
      withLog(open, async (log) => {
        const attempt = log.append([testAppend('big', 'test/a', { data: 'x'.repeat(5 * 1024 * 1024) })]);
        await expect(attempt).rejects.toMatchObject({ code: 'exhausted' });
      }));

    it('rejects calls on a closed log as unavailable', () =>
      withLog(open, async (log) => {
        await log.close();
        await expect(log.append([testAppend('1')])).rejects.toBeInstanceOf(MeshError);
        await expect(log.head()).rejects.toMatchObject({ code: 'unavailable' });
      }));
  });

  describe('expected versions', () => {
    it('are the version before the event: 0 for a new subject', () =>
      withLog(open, async (log) => {
        succeeded(await log.append([{ ...testAppend('1'), expectedVersion: 0 }]));
        succeeded(await log.append([{ ...testAppend('2'), expectedVersion: 1 }]));
        expect(await log.subjectVersion('test/a')).toBe(2);
        expect(await log.subjectVersion('test/b')).toBe(0);
      }));

    it('count the events before it in the batch', () =>
      withLog(open, async (log) => {
        await log.append([testAppend('0')]);
        const batch = [
          { ...testAppend('1'), expectedVersion: 1 },
          { ...testAppend('2', 'test/b'), expectedVersion: 0 },
          { ...testAppend('3'), expectedVersion: 2 },
        ];
        expect(succeeded(await log.append(batch)).position).toBe(4);
      }));

    it('when wrong return the conflict and store nothing of the batch', () =>
      withLog(open, async (log) => {
        await log.append([testAppend('0')]);
        const result = await log.append([testAppend('1', 'test/b'), { ...testAppend('2'), expectedVersion: 0 }]);
        expect(result).toEqual({
          ok: false,
          reason: 'conflict',
          subject: 'test/a',
          expectedVersion: 0,
          actualVersion: 1,
        });
        expect(idsOf(await collect(log.read()))).toEqual(['0']);
        expect(await log.subjectVersion('test/b')).toBe(0);
      }));

    it('of other subjects fence an append: when wrong nothing of the batch is stored, a retry of what was stored is a no-op', () =>
      withLog(open, async (log) => {
        await log.append([testAppend('0', 'test/fence')]);
        const requires = [{ subject: 'test/fence', version: 1 }];
        const fenced = [
          { ...testAppend('1'), requires },
          { ...testAppend('2'), requires },
        ];
        succeeded(await log.append(fenced));
        await log.append([testAppend('3', 'test/fence')]);
        expect(await log.append([testAppend('4'), { ...testAppend('5'), requires }])).toEqual({
          ok: false,
          reason: 'conflict',
          subject: 'test/fence',
          expectedVersion: 1,
          actualVersion: 2,
        });
        succeeded(await log.append(fenced));
        expect(idsOf(await collect(log.read()))).toEqual(['0', '1', '2', '3']);
      }));

    it('let exactly one of several concurrent writers through, and each learns its own result', () =>
      withLog(open, async (log) => {
        const attempts = ['w1', 'w2', 'w3', 'w4'].map((id) => log.append([{ ...testAppend(id), expectedVersion: 0 }]));
        const other = log.append([testAppend('other', 'test/b')]);
        const results = await Promise.all(attempts);
        expect(results.filter((result) => result.ok)).toHaveLength(1);
        expect(results.filter((result) => !result.ok).map((result) => !result.ok && result.actualVersion)).toEqual([
          1, 1, 1,
        ]);
        expect((await other).ok).toBe(true);
        expect((await log.head()).position).toBe(2);
      }));
  });

  describe('idempotence by id', () => {
    it('makes the retry of a whole batch a no-op that gives the recorded events, expected versions or not', () =>
      withLog(open, async (log) => {
        const batch = [{ ...testAppend('1'), expectedVersion: 0 }, testAppend('2', 'test/b')];
        const first = succeeded(await log.append(batch));
        await log.append([testAppend('3')]);
        const retry = succeeded(await log.append(batch));
        expect(retry.events).toEqual(first.events);
        expect(retry.position).toBe(3);
        expect((await log.head()).position).toBe(3);
      }));

    it('skips the known part of a batch and appends the rest', () =>
      withLog(open, async (log) => {
        await log.append([testAppend('1')]);
        const result = succeeded(await log.append([testAppend('1'), { ...testAppend('2'), expectedVersion: 1 }]));
        expect(idsOf(result.events)).toEqual(['1', '2']);
        expect(result.events.map((event) => event.position)).toEqual([1, 2]);
      }));

    it('holds within one batch and between concurrent appends', () =>
      withLog(open, async (log) => {
        const results = await Promise.all([
          log.append([testAppend('1'), testAppend('1')]),
          log.append([testAppend('1')]),
          log.append([testAppend('2')]),
        ]);
        expect(results.map((result) => succeeded(result).events.map((event) => event.position))).toEqual([
          [1, 1],
          [1],
          [2],
        ]);
      }));
  });

  describe('verify and checkpoints', () => {
    it('finds an untouched log whole and gives its head', () =>
      withLog(open, async (log) => {
        expect(await log.verify()).toEqual({ ok: true, events: 0, head: { position: 0, hash: '', time: undefined } });
        for (let i = 0; i < 5; i++) await log.append(testAppends(`${i}-`, 30));
        expect(await log.verify()).toEqual({ ok: true, events: 150, head: await log.head() });
      }));

    it('records the rolling hash every thousand events', () =>
      withLog(open, async (log) => {
        for (let i = 0; i < 9; i++) await log.append(testAppends(`${i}-`, 300));
        const checkpoints = await collect(log.read({ subject: checkpointSubject }));
        expect(checkpoints.length).toBeGreaterThanOrEqual(2);
        for (const { data } of checkpoints) {
          const { through, hash } = data as { through: number; hash: string };
          expect((await log.head(through)).hash).toBe(hash);
        }
        const head = await log.head();
        expect(head.position).toBe(2700 + checkpoints.length);
        expect(await log.verify()).toMatchObject({ ok: true, events: head.position });
      }));

    it('gives equal logs equal hashes and different logs different ones', async () => {
      const hashes: string[] = [];
      for (const ids of [['1', '2'], ['1', '2'], ['2', '1'], ['1']]) {
        await withLog(open, async (log) => {
          for (const id of ids) await log.append([testAppend(id)]);
          hashes.push((await log.head()).hash);
        });
      }
      expect(hashes[1]).toBe(hashes[0]);
      expect(new Set(hashes).size).toBe(3);
    });
  });

  describe('reopening', () => {
    it('finds events, versions, ids, head and snapshots again', (test) =>
      withLog(open, async (log, { reopen }) => {
        if (reopen === undefined) return test.skip('this log does not outlive its process');
        await log.append(testAppends('a', 1200));
        const head = await log.head();
        const state = new Uint8Array([1, 2, 3]);
        await log.saveSnapshot({ name: 'p', position: head.position, hash: head.hash, state });
        const before = await collect(log.read());
        const again = await reopen();
        expect(await again.head()).toEqual(head);
        expect(await collect(again.read())).toEqual(before);
        expect((await again.loadSnapshot('p'))?.state).toEqual(state);
        expect(await again.subjectVersion('test/1')).toBe(400);
        expect(succeeded(await again.append(testAppends('a', 5))).position).toBe(head.position);
        succeeded(await again.append([{ ...testAppend('new', 'test/1'), expectedVersion: 400 }]));
        expect(await again.verify()).toMatchObject({ ok: true, events: head.position + 1 });
      }));
  });
}
