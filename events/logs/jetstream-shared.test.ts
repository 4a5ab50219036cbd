// Several processes on one log, a server that dies, answers that are lost: nothing is lost, doubled or out of order.
import { spawn } from 'node:child_process';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { LossyProxy } from '../../test/support/lossy-proxy.ts';
import { TestNats } from '../../test/support/nats.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { batchesUntil, collect, idsOf, succeeded, testAppend, testAppends } from './contract-fixture.ts';
import { appendSurely, JetStreamFixture } from './jetstream-fixture.ts';

const started = await TestNats.start();
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;
const fixture = new JetStreamFixture(server);
const open = () => fixture.open();

describe.skipIf(why !== '')(`JetStreamLogs that share a stream${why}`, () => {
  beforeEach(() => {
    fixture.nextMesh();
    return () => fixture.closeAll();
  });
  afterAll(async () => {
    await server.dispose();
  });

  describe('between processes', () => {
    it('shows each what the other appends, and lets both append to the same and to other subjects', async () => {
      const [one, two] = [await open(), await open()];
      const abort = new AbortController();
      const batches = two.subscribe({ after: 0, signal: abort.signal })[Symbol.asyncIterator]();
      const write = async (log: typeof one, name: string) => {
        for (let i = 0; i < 30; i++) succeeded(await log.append(testAppends(`${name}${i}-`, 3)));
      };
      await Promise.all([write(one, 'a'), write(two, 'b')]);
      const taken = (await batchesUntil(batches, 180)).flatMap((batch) => batch.events);
      abort.abort();
      expect(taken.map((event) => event.position)).toEqual(Array.from({ length: 180 }, (_, i) => i + 1));
      expect(new Set(idsOf(taken)).size).toBe(180);
      expect(await one.verify()).toMatchObject({ ok: true, events: 180 });
      expect(await two.verify()).toEqual(await one.verify());
    });

    it('lets one of two writers with the same expectation through, and tells the other', async () => {
      const [one, two] = [await open(), await open()];
      const results = await Promise.all([
        one.append([{ ...testAppend('one'), expectedVersion: 0 }]),
        two.append([{ ...testAppend('two'), expectedVersion: 0 }]),
      ]);
      expect(results.filter((result) => result.ok)).toHaveLength(1);
      expect(results.find((result) => !result.ok)).toMatchObject({ reason: 'conflict', actualVersion: 1 });
    });

    it('takes an id that another process has recorded as recorded', async () => {
      const [one, two] = [await open(), await open()];
      const batch = [{ ...testAppend('1'), expectedVersion: 0 }, testAppend('2', 'test/b')];
      const results = await Promise.all([one.append(batch), two.append(batch)]);
      expect(succeeded(results[0]).events).toEqual(succeeded(results[1]).events);
      expect((await collect(two.read())).length).toBe(2);
    });
  });

  it('knows that a retry after a lost acknowledgement is already done', async () => {
    const watching = await open();
    const proxy = await LossyProxy.start(server.port);
    const logs = await fixture.openUrl(`nats://127.0.0.1:${proxy.port}/${fixture.mesh}`);
    const batch = [
      { ...testAppend('1'), expectedVersion: 0 },
      { ...testAppend('2'), expectedVersion: 1 },
    ];
    proxy.losing = true;
    const attempt = expect(logs.facts.append(batch)).rejects.toMatchObject({ code: 'unavailable' });
    await waitFor(async () => (await watching.head()).position === 2, { what: 'the server to have stored it' });
    proxy.cut();
    await attempt;
    proxy.losing = false;
    const retried = await appendSurely(logs.facts, batch);
    expect(retried.events.map((event) => event.position)).toEqual([1, 2]);
    expect(idsOf(await collect(watching.read()))).toEqual(['1', '2']);
    await Promise.all([logs.facts.close(), logs.deliveries.close()]);
    await proxy.stop();
  });

  it('stores 3,000 events at once, finds each of them, and reads across several messages of many events', async () => {
    const log = await open();
    await log.append(testAppends('small', 5));
    succeeded(await log.append(testAppends('huge', 3000)));
    await log.append(testAppends('after', 5));
    const again = await open();
    const head = (await again.head()).position;
    expect(idsOf(await collect(again.read({ from: 2000, to: 2002 })))).toEqual(['huge1995', 'huge1996', 'huge1997']);
    expect(idsOf(await collect(again.read({ reverse: true, limit: 2 })))).toEqual(['after5', 'after4']);
    expect(await again.verify()).toMatchObject({ ok: true, events: head });
    expect(succeeded(await again.append(testAppends('huge', 3000))).position).toBe(head);
  });

  describe('when the server dies', () => {
    it('rejects appends as unavailable, then goes on: nothing lost, nothing doubled, subscribers served', async () => {
      const log = await open();
      const abort = new AbortController();
      const batches = log.subscribe({ after: 0, signal: abort.signal })[Symbol.asyncIterator]();
      await log.append(testAppends('before', 10));
      await server.kill();
      await expect(log.append([testAppend('away')])).rejects.toMatchObject({ code: 'unavailable' });
      expect(await log.subjectVersion('test/0')).toBe(4);
      await server.restart();
      const other = await open();
      await appendSurely(log, [testAppend('away')]);
      await appendSurely(other, [testAppend('other')]);
      await batchesUntil(batches, 12);
      abort.abort();
      expect(idsOf(await collect(log.read())).slice(10)).toEqual(['away', 'other']);
    });

    it('by kill -9 under load, over and over, loses no acknowledged event and doubles none', {
      timeout: 60_000,
    }, async () => {
      const acknowledged = new Map<number, string>();
      const child = new URL('./jetstream-crash.child.ts', import.meta.url).pathname;
      const writers = ['a', 'b'].map((name) =>
        spawn(process.execPath, [child, server.url(fixture.mesh), name], { stdio: ['ignore', 'pipe', 'inherit'] }),
      );
      for (const writer of writers) {
        let rest = '';
        writer.stdout.setEncoding('utf8').on('data', (text: string) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines.filter((one) => one !== 'open')) {
            const [position, id = ''] = line.split(' ');
            acknowledged.set(Number(position), id);
          }
        });
      }
      for (let round = 1; round <= 4; round++) {
        const before = acknowledged.size;
        await waitFor(() => acknowledged.size > before + 30 * round, { what: 'acknowledgements' });
        await server.restart();
      }
      for (const writer of writers) writer.kill('SIGKILL');
      const log = await open();
      const events = await collect(log.read());
      for (const [position, id] of acknowledged) expect(events[position - 1]?.id).toBe(id);
      expect(new Set(idsOf(events)).size).toBe(events.length);
      const ending = (size: number) => events.filter((event) => event.id.endsWith(`-${size}`)).length;
      // Batches have 1, 3 and 40 events: they are whole when these come in equal numbers.
      expect(ending(39)).toBe(ending(40));
      expect(ending(2)).toBe(ending(3));
      expect(await log.verify()).toMatchObject({ ok: true, events: events.length });
    });
  });
});
