// What a real nats-server may do to a log: lose, alter, come back older, drop and not sync; each is noticed and named.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { collect, testAppend, testAppends } from './contract-fixture.ts';
import { type JetStreamOptions, openJetStreamLogs } from './jetstream.ts';
import { JetStreamFixture } from './jetstream-fixture.ts';

const started = await TestNats.start();
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;
const fixture = new JetStreamFixture(server);
const open = (options?: JetStreamOptions) => fixture.open(options);
const scratch = mkdtempSync(join(tmpdir(), 'periplus-jetstream-'));

describe.skipIf(why !== '')(`a JetStreamLog on a faulty server${why}`, () => {
  beforeEach(() => {
    fixture.nextMesh();
    return () => fixture.closeAll();
  });
  afterAll(async () => {
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const remove = async (seq: number) =>
    expect(await fixture.api(`STREAM.MSG.DELETE.${fixture.mesh}-facts`, { seq })).toMatchObject({ success: true });
  /** Changes a bit of what lies on the server's disk. */
  const flip = (text: string) => {
    const files = readdirSync(server.store, { recursive: true, encoding: 'utf8' });
    const blocks = files.filter((file) => file.includes(`${fixture.mesh}-facts`) && file.endsWith('.blk'));
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
      await fixture.request(`${fixture.mesh}.facts.test.x`, '{"not":"an event"}');
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
      await fixture.api(`STREAM.DELETE.${fixture.mesh}-facts`);
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
      await fixture.api(`STREAM.DELETE.${fixture.mesh}-facts`);
      await (await open()).append(testAppends('b', 9));
      await expect(open(options)).rejects.toMatchObject({
        code: 'corrupt',
        message: expect.stringContaining('position 5:'),
      });
    });

    it('notices while it runs that the server came back with less', { timeout: 20_000 }, async () => {
      const log = await open();
      await log.append(testAppends('a', 5));
      await fixture.api(`STREAM.PURGE.${fixture.mesh}-facts`);
      await fixture.api(`STREAM.DELETE.${fixture.mesh}-facts`);
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
    await fixture.api(`STREAM.DELETE.${fixture.mesh}-facts`);
    await server.restart();
    await ended;
    expect(await log.verify()).toMatchObject({ ok: false, position: 1 });
  });

  it('refuses a stream that drops old events, and a server that does not sync every write', async () => {
    const name = `${fixture.mesh}-facts`;
    await fixture.api(`STREAM.CREATE.${name}`, {
      name,
      subjects: [`${fixture.mesh}.facts.>`],
      discard: 'old',
      storage: 'file',
    });
    await expect(open()).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('discard="old"') });
    const monitored = `${server.url(`${fixture.mesh}-2`)}?monitoring=${server.monitoringPort}`;
    await fixture.openUrl(monitored);
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
