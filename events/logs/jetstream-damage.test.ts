// What a real nats-server may do to a log: die, lose, alter, come back older; and what clients may do to each other.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { LossyProxy } from '../../test/support/lossy-proxy.ts';
import { TestNats } from '../../test/support/nats.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { Append, MeshLogs } from '../event-log.ts';
import { batchesUntil, collect, idsOf, succeeded, testAppend, testAppends } from './contract-fixture.ts';
import { openJetStreamLogs } from './jetstream.ts';

const started = await TestNats.start();
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;
const scratch = mkdtempSync(join(tmpdir(), 'periplus-jetstream-'));

describe.skipIf(why !== '')(`a JetStreamLog${why}`, () => {
  let mesh = '';
  let meshes = 0;
  const opened: MeshLogs[] = [];

  beforeEach(() => {
    mesh = `damage-${++meshes}`;
    return async () => {
      for (const logs of opened.splice(0)) await Promise.all([logs.facts.close(), logs.deliveries.close()]);
    };
  });
  afterAll(async () => {
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const open = async (options: Parameters<typeof openJetStreamLogs>[1] = {}) => {
    const logs = await openJetStreamLogs(server.url(mesh), options);
    opened.push(logs);
    return logs.facts;
  };
  /** What any client may ask the server, as `nats` the command line tool does. */
  const api = async (subject: string, body: unknown = '') => {
    const connection = await connect({ servers: `127.0.0.1:${server.port}` });
    const answer = await connection.request(`$JS.API.${subject}`, body === '' ? '' : JSON.stringify(body));
    await connection.close();
    return answer.json<{ success?: boolean }>();
  };
  const remove = async (seq: number) =>
    expect(await api(`STREAM.MSG.DELETE.${mesh}-facts`, { seq })).toMatchObject({ success: true });
  /** As writers do: again and again until it is known to be recorded. */
  const appendSurely = async (log: MeshLogs['facts'], batch: readonly Append[]) => {
    for (;;) {
      try {
        return succeeded(await log.append(batch));
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable' });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  /** Changes a bit of what lies on the server's disk. */
  const flip = (text: string) => {
    const files = readdirSync(server.store, { recursive: true, encoding: 'utf8' });
    const blocks = files.filter((file) => file.includes(`${mesh}-facts`) && file.endsWith('.blk'));
    for (const path of blocks.map((block) => join(server.store, block))) {
      const bytes = readFileSync(path);
      const at = bytes.indexOf(text);
      if (at < 0) continue;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      return;
    }
    throw new Error(`no block holds ${text}`);
  };

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
    const logs = await openJetStreamLogs(`nats://127.0.0.1:${proxy.port}/${mesh}`);
    opened.push(logs);
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
        spawn(process.execPath, [child, server.url(mesh), name], { stdio: ['ignore', 'pipe', 'inherit'] }),
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

  describe('names the position', () => {
    it('of a message that was deleted, at the next read, in verify and when opened anew', async () => {
      const log = await open();
      for (let i = 0; i < 5; i++) await log.append(testAppends(`${i}-`, 40));
      await remove(87);
      const seen: string[] = [];
      const reading = (async () => {
        for await (const event of log.read()) seen.push(event.id);
      })();
      await expect(reading).rejects.toMatchObject({
        code: 'corrupt',
        message: expect.stringContaining('position 87:'),
      });
      expect(seen).toHaveLength(86);
      expect(await log.verify()).toMatchObject({ ok: false, position: 87 });
      await expect(log.append([testAppend('more')])).rejects.toMatchObject({ code: 'corrupt' });
      const again = await open();
      await expect(collect(again.read())).rejects.toThrow(/position 87:/);
      expect(await again.verify()).toMatchObject({ ok: false, position: 87 });
    });

    it('of the last message when that was deleted', async () => {
      const log = await open();
      await log.append(testAppends('a', 5));
      await remove(5);
      expect(await log.verify()).toMatchObject({ ok: false, position: 5 });
      expect(await (await open()).verify()).toMatchObject({ ok: false, position: 5 });
    });

    it('of an event that someone wrote past the log', async () => {
      const log = await open();
      await log.append(testAppends('a', 5));
      const connection = await connect({ servers: `127.0.0.1:${server.port}` });
      await connection.request(`${mesh}.facts.test.x`, '{"not":"an event"}');
      await connection.close();
      expect(await log.verify()).toMatchObject({ ok: false, position: 6 });
    });

    it.each(['kill', 'orderly'])('of a flipped bit on the disk (%s stop)', { timeout: 20_000 }, async (how) => {
      const log = await open();
      for (let i = 0; i < 5; i++) await log.append(testAppends(`${i}-`, 40));
      if (how === 'kill') await server.kill();
      else await server.stop();
      flip('"id":"2-7"');
      await server.restart();
      await waitFor(
        async () =>
          await log.verify().then(
            (found) => !found.ok,
            () => false,
          ),
        { what: 'the damage' },
      );
      expect(await log.verify()).toMatchObject({ ok: false, position: 87 });
      const again = await open();
      await expect(collect(again.read())).rejects.toThrow(/position 87:/);
      expect(await again.verify()).toMatchObject({ ok: false, position: 87 });
    });
  });

  describe('that remembers what it has seen', () => {
    const seenDirectory = (name: string) => join(scratch, name);

    it('opens the same log again, also when it has grown', async () => {
      const options = { seenDirectory: seenDirectory('same') };
      const log = await open(options);
      await log.append(testAppends('a', 5));
      await log.close();
      await (await open()).append(testAppends('b', 5));
      expect((await (await open(options)).head()).position).toBe(10);
    });

    it('refuses a log that is shorter, naming the first position that is lost', async () => {
      const options = { seenDirectory: seenDirectory('shorter') };
      const log = await open(options);
      await log.append(testAppends('a', 5));
      await log.close();
      await api(`STREAM.DELETE.${mesh}-facts`);
      const other = await open();
      await other.append(testAppends('a', 3));
      await expect(open(options)).rejects.toMatchObject({
        code: 'corrupt',
        message: expect.stringMatching(/position 4:.*2 events are lost.*position 5/),
      });
    });

    it('refuses a log with another past, naming the position', async () => {
      const options = { seenDirectory: seenDirectory('other') };
      const log = await open(options);
      await log.append(testAppends('a', 5));
      await log.close();
      await api(`STREAM.DELETE.${mesh}-facts`);
      await (await open()).append(testAppends('b', 9));
      await expect(open(options)).rejects.toMatchObject({
        code: 'corrupt',
        message: expect.stringContaining('position 5:'),
      });
    });

    it('notices while it runs that the server came back with less', { timeout: 20_000 }, async () => {
      const log = await open();
      await log.append(testAppends('a', 5));
      await api(`STREAM.PURGE.${mesh}-facts`);
      await api(`STREAM.DELETE.${mesh}-facts`);
      await server.restart();
      await waitFor(
        async () =>
          await log.verify().then(
            (found) => !found.ok,
            () => false,
          ),
        { what: 'the loss' },
      );
      await expect(log.append([testAppend('more')])).rejects.toMatchObject({ code: 'corrupt' });
    });
  });

  it('notices while it runs that the server has lost its stream, and ends its subscriptions', {
    timeout: 20_000,
  }, async () => {
    const log = await open();
    await log.append(testAppends('a', 5));
    const abort = new AbortController();
    const batches = log.subscribe({ after: 5, signal: abort.signal })[Symbol.asyncIterator]();
    await batches.next();
    const ended = expect(batches.next()).rejects.toMatchObject({ code: 'corrupt' });
    await api(`STREAM.DELETE.${mesh}-facts`);
    await server.restart();
    await ended;
    expect(await log.verify()).toMatchObject({ ok: false, position: 1 });
  });

  it('refuses a stream that drops old events, and a server that does not sync every write', async () => {
    const name = `${mesh}-facts`;
    await api(`STREAM.CREATE.${name}`, { name, subjects: [`${mesh}.facts.>`], discard: 'old', storage: 'file' });
    await expect(open()).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('discard="old"') });
    const monitored = `${server.url(`${mesh}-2`)}?monitoring=${server.monitoringPort}`;
    opened.push(await openJetStreamLogs(monitored));
    server.configure({ syncAlways: false });
    await server.restart();
    await expect(openJetStreamLogs(monitored)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('sync_interval: always'),
    });
    server.configure({});
    await server.restart();
  });
});
