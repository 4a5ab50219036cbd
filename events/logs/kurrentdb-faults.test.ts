import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeKurrentDb } from '../../test/support/fake-kurrentdb.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { EventLog, MeshLogs } from '../event-log.ts';
import { batchesUntil, collect, idsOf, succeeded, testAppend, testAppends } from './contract-fixture.ts';
import { type KurrentDbOptions, openKurrentDbLogs } from './kurrentdb.ts';

const fake = await FakeKurrentDb.start();
const seenDirectory = mkdtempSync(join(tmpdir(), 'periplus-seen-'));
afterAll(() => {
  fake.stop();
  rmSync(seenDirectory, { recursive: true });
});

const opened: MeshLogs[] = [];
let mesh = 0;
beforeEach(() => void mesh++);
afterEach(async () => {
  for (const logs of opened.splice(0)) await Promise.all([logs.facts.close(), logs.deliveries.close()]);
});

async function open(options: KurrentDbOptions = {}): Promise<EventLog> {
  const logs = await openKurrentDbLogs(`kurrentdb://127.0.0.1:${fake.port}/f${mesh}?tls=false`, options);
  opened.push(logs);
  return logs.facts;
}
const records = (stream = 'facts') => fake.streams.get(`f${mesh}-${stream}`) ?? [];

describe("a KurrentDB log (on the fake of KurrentDB's protocol)", () => {
  it('is shared: each process sees what the other appends, and one of two rivals wins', async () => {
    const [a, b] = [await open(), await open()];
    const abort = new AbortController();
    const batches = b.subscribe({ after: 0, signal: abort.signal })[Symbol.asyncIterator]();
    await a.append(testAppends('a', 3));
    expect(idsOf((await batchesUntil(batches, 3)).flatMap((batch) => batch.events))).toEqual(['a1', 'a2', 'a3']);
    abort.abort();
    const rivals = [a, b].map((log, i) => log.append([{ ...testAppend(`r${i}`, 'test/r'), expectedVersion: 0 }]));
    expect((await Promise.all(rivals)).filter((result) => result.ok)).toHaveLength(1);
    expect(await a.verify()).toMatchObject({ ok: true, events: 4 });
  });

  it('knows that a retry after a lost acknowledgement is already done', async () => {
    const log = await open();
    fake.loseNextAcknowledgement = true;
    await expect(log.append([testAppend('1')])).rejects.toMatchObject({ code: 'unavailable' });
    expect(succeeded(await log.append([testAppend('1')])).position).toBe(1);
    expect(records()).toHaveLength(1);
  }, 30_000);

  it('refuses an append beyond MaxAppendSize as exhausted, and not its neighbours', async () => {
    const log = await open();
    const results = await Promise.allSettled([
      log.append([testAppend('small')]),
      log.append([testAppend('big', 'test/b', { data: 'x'.repeat(2 * 1024 * 1024) })]),
    ]);
    expect(results).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'exhausted' } }]);
    expect(idsOf(await collect(log.read()))).toEqual(['small']);
  });

  it('rejects appends as unavailable while the server is away, and goes on when it is back', async () => {
    const log = await open();
    await log.append([testAppend('1')]);
    const abort = new AbortController();
    const batches = log.subscribe({ after: 1, signal: abort.signal })[Symbol.asyncIterator]();
    await batches.next();
    fake.stop();
    await expect(log.append([testAppend('2')])).rejects.toMatchObject({ code: 'unavailable' });
    await fake.listen();
    const again = async () => (await log.append([testAppend('2')]).catch(() => undefined))?.ok === true;
    await waitFor(again, { limitMs: 60_000, what: 'an append after the server is back' });
    expect(idsOf((await batchesUntil(batches, 2)).flatMap((batch) => batch.events))).toEqual(['2']);
    abort.abort();
  }, 90_000);

  it('names the position of a record that was altered, and writes nothing more', async () => {
    await (await open()).append(testAppends('a', 5));
    const [first] = records();
    if (first === undefined) throw new Error('no record');
    first.data = Buffer.from('{"id":"forged"}');
    const log = await open();
    await expect(log.append([testAppend('x')])).rejects.toMatchObject({ code: 'corrupt' });
    expect(await log.verify()).toMatchObject({ ok: false, position: 4 });
  });

  it('refuses a server that comes back with less than was seen', async () => {
    const log = await open({ seenDirectory });
    await log.append(testAppends('a', 3));
    await log.append(testAppends('b', 2));
    await Promise.all(opened.splice(0).flatMap((logs) => [logs.facts.close(), logs.deliveries.close()]));
    records().splice(3);
    await expect(open({ seenDirectory })).rejects.toThrow(/position 4: the log ends before it: 2 events are lost/);
  });

  it('refuses a stream that forgets its oldest events, and one that is not there when it must be', async () => {
    await expect(open({ existing: true })).rejects.toMatchObject({ code: 'usage' });
    fake.streams.set(`$$f${mesh}-facts`, [
      {
        id: randomUUID(),
        type: '$metadata',
        contentType: 'application/json',
        data: Buffer.from('{"$maxCount":10}'),
        metadata: new Uint8Array(),
      },
    ]);
    await expect(open()).rejects.toThrow(/maxCount=10: its oldest events vanish/);
  });
});
