// Damage of every kind: a log never gives other events than were written; it says where it is damaged and stops writes.
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { MeshError } from '../../lib/mesh-error.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { EventLog } from '../event-log.ts';
import { collect, testAppend, testAppends } from './contract-fixture.ts';
import { openSqliteLog } from './sqlite.ts';

const dir = mkdtempSync(join(tmpdir(), 'periplus-damage-'));
afterAll(() => rmSync(dir, { recursive: true }));
let files = 0;
const newPath = () => join(dir, `log-${files++}.db`);

/** Numbers that look random and are the same in every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A closed log of `batches` batches of 50, in one file. */
async function written(batches: number): Promise<{ path: string; events: RecordedEvent[] }> {
  const path = newPath();
  const log = await openSqliteLog(path);
  for (let i = 0; i < batches; i++) await log.append(testAppends(`${i}-`, 50));
  const events = await collect(log.read());
  await log.close();
  return { path, events };
}

/** Events read before the log said that it is damaged. */
async function readable(log: EventLog): Promise<{ events: RecordedEvent[]; error: unknown }> {
  const events: RecordedEvent[] = [];
  try {
    for await (const event of log.read()) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error };
  }
}

/** Changes rows as damage would, behind the log's back. */
function tamper(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

describe('a tampered SqliteLog', () => {
  const cases: [what: string, sql: string][] = [
    ['body', `UPDATE events SET body = replace(body, '"3-7"', '"3-X"') WHERE position = 157`],
    ['version', 'UPDATE events SET version = version + 1 WHERE position = 157'],
    ['envelope', 'UPDATE events SET envelope = 99 WHERE position = 157'],
    ['crc', 'UPDATE events SET crc = crc + 1 WHERE position = 157'],
    ['a row deleted', 'DELETE FROM events WHERE position = 157'],
    [
      'two rows swapped',
      `UPDATE events SET position = -1 WHERE position = 157; UPDATE events SET position = 157 WHERE position = 158;
       UPDATE events SET position = 158 WHERE position = -1`,
    ],
    ['subject', 'UPDATE events SET subject = subject % 3 + 1 WHERE position = 157'],
    ['time', 'UPDATE events SET time_ms = time_ms + 1 WHERE position = 157'],
    ['rolling hash', 'UPDATE events SET log_hash = zeroblob(32) WHERE position = 157'],
    ['batch end', 'UPDATE events SET batch_end = 157 WHERE position = 157'],
  ];
  for (const [what, sql] of cases) {
    it(`is found by verify at the position, and takes no more appends: ${what}`, async () => {
      const { path, events } = await written(30);
      tamper(path, sql);
      const log = await openSqliteLog(path);
      const result = await log.verify();
      expect(result).toMatchObject({ ok: false, position: 157 });
      await expect(log.append([testAppend('new')])).rejects.toMatchObject({ code: 'corrupt' });
      expect(await collect(log.read({ to: 156 }))).toEqual(events.slice(0, 156));
      await log.close();
    });
  }

  it('is found in attributes that events share, at the first event that has them', async () => {
    const { path } = await written(30);
    tamper(path, "UPDATE envelopes SET actor = 'system:liar' WHERE actor = 'system:log'");
    const log = await openSqliteLog(path);
    expect(await log.verify()).toMatchObject({ ok: false, position: 1001 });
    await log.close();
  });

  it('names the position when a read meets it, gives all before it, and stops writes from then on', async () => {
    const { path, events } = await written(30);
    tamper(path, `UPDATE events SET body = replace(body, 'test', 'tost') WHERE position = 333`);
    const log = await openSqliteLog(path);
    const found = await readable(log);
    expect(found.events).toEqual(events.slice(0, 332));
    expect(found.error).toMatchObject({ code: 'corrupt', message: expect.stringContaining('position 333') });
    await expect(log.append([testAppend('new')])).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('333'),
    });
    await log.close();
  });

  it('delivers whole batches before the damage to a subscriber, then rejects', async () => {
    const { path } = await written(30);
    tamper(path, 'UPDATE events SET crc = 0 WHERE position = 333');
    const log = await openSqliteLog(path);
    let bookmark = 0;
    const subscription = (async () => {
      for await (const batch of log.subscribe({ after: 0, signal: new AbortController().signal }))
        bookmark = batch.bookmark;
    })();
    await expect(subscription).rejects.toMatchObject({ code: 'corrupt' });
    expect(bookmark).toBe(300);
    await log.close();
  });

  it('is found at once on opening when it is near the end, while snapshots still load', async () => {
    const { path, events } = await written(30);
    const first = await openSqliteLog(path);
    const { hash } = await first.head(1000);
    await first.saveSnapshot({ name: 'p', position: 1000, hash, state: new Uint8Array([7]) });
    await first.close();
    tamper(path, 'UPDATE events SET crc = 0 WHERE position = 1490');
    const log = await openSqliteLog(path);
    await expect(log.append([testAppend('new')])).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('1490'),
    });
    expect((await log.loadSnapshot('p'))?.state).toEqual(new Uint8Array([7]));
    expect(await collect(log.read({ from: 1001, to: 1489 }))).toEqual(events.slice(1000, 1489));
    await log.close();
  });

  it('refuses a snapshot whose state or hash was altered, and falls back to the one before', async () => {
    const { path } = await written(30);
    const first = await openSqliteLog(path);
    for (const position of [100, 200, 300]) {
      const { hash } = await first.head(position);
      await first.saveSnapshot({ name: 'p', position, hash, state: new Uint8Array([position / 100]) });
    }
    await first.close();
    tamper(
      path,
      `UPDATE snapshots SET state = x'09' WHERE position = 300; UPDATE snapshots SET hash = 'x' WHERE position = 200`,
    );
    const log = await openSqliteLog(path);
    expect((await log.loadSnapshot('p'))?.position).toBe(100);
    await log.close();
  });
});

describe('a SqliteLog with a flipped byte anywhere in its file', () => {
  it('never gives other events than were written: it names the damage, or the byte did not matter', async () => {
    const { path, events } = await written(25);
    const bytes = readFileSync(path);
    const random = sequence(7);
    const outcomes = { refusedToOpen: 0, found: 0, harmless: 0 };
    for (let round = 0; round < 60; round++) {
      const copy = newPath();
      const flipped = Buffer.from(bytes);
      const at = random(bytes.length);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8));
      writeFileSync(copy, flipped);
      outcomes[await outcomeOf(copy, events)]++;
      rmSync(copy, { force: true });
    }
    expect(outcomes.found).toBeGreaterThan(30);
  });

  async function outcomeOf(path: string, events: readonly RecordedEvent[]) {
    let log: EventLog;
    try {
      log = await openSqliteLog(path);
    } catch (error) {
      expect(error).toMatchObject({ code: 'corrupt' });
      return 'refusedToOpen';
    }
    try {
      const result = await log.verify();
      const got = await readable(log);
      if (result.ok) {
        expect(got).toEqual({ events, error: undefined });
        return 'harmless';
      }
      expect(got.events).toEqual(events.slice(0, got.events.length));
      expect(got.events.length).toBeGreaterThanOrEqual(result.position - 1);
      if (got.error !== undefined) expect(got.error).toBeInstanceOf(MeshError);
      await expect(log.append([testAppend('new')])).rejects.toMatchObject({ code: 'corrupt' });
      return 'found';
    } finally {
      await log.close();
    }
  }
});

describe('the write-ahead log of a SqliteLog', () => {
  /** What a crash leaves: the file and its WAL as they are while the log is open. */
  async function crashed(batches: number) {
    const path = newPath();
    const log = await openSqliteLog(path);
    for (let i = 0; i < batches; i++) await log.append(testAppends(`${i}-`, 10));
    const events = await collect(log.read());
    const copy = () => {
      const to = newPath();
      copyFileSync(path, to);
      copyFileSync(`${path}-wal`, `${to}-wal`);
      return to;
    };
    return { copy, events, close: () => log.close() };
  }

  it('when cut at any place loses whole batches from the end, nothing else', async () => {
    const { copy, events, close } = await crashed(12);
    const random = sequence(3);
    for (let round = 0; round < 25; round++) {
      const path = copy();
      const wal = readFileSync(`${path}-wal`).length;
      truncateSync(`${path}-wal`, random(wal));
      const log = await openSqliteLog(path);
      const got = await collect(log.read());
      expect(got).toEqual(events.slice(0, got.length));
      expect(got.length % 10).toBe(0);
      expect(await log.verify()).toMatchObject({ ok: true, events: got.length });
      await log.append([testAppend('after')]);
      expect(await log.verify()).toMatchObject({ ok: true });
      await log.close();
    }
    await close();
  });

  it('when damaged before its end is found: acknowledged events are missing, and stays found on the next opening', async () => {
    const { copy, events, close } = await crashed(12);
    const random = sequence(5);
    let found = 0;
    for (let round = 0; round < 25; round++) {
      const path = copy();
      const wal = readFileSync(`${path}-wal`);
      const at = random(Math.floor(wal.length * 0.8));
      wal[at] = (wal[at] ?? 0) ^ 0x10;
      writeFileSync(`${path}-wal`, wal);
      for (let opening = 0; opening < 2; opening++) {
        const log = await openSqliteLog(path).catch((error: unknown) => error as MeshError);
        if (log instanceof MeshError) expect(log.code).toBe('corrupt');
        else {
          const got = await collect(log.read());
          expect(got).toEqual(events.slice(0, got.length));
          if (got.length < events.length) {
            found++;
            await expect(log.append([testAppend('after')])).rejects.toMatchObject({ code: 'corrupt' });
          }
          await log.close();
        }
      }
      expect(existsSync(`${path}-wal.damaged`)).toBe(true);
    }
    expect(found).toBeGreaterThan(20);
    await close();
  });
});
