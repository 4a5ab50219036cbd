// A server whose log has no more room: the append is refused with what to do, nothing recorded is lost, and it goes on once there is room.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { EventLog } from '../event-log.ts';
import { collect, idsOf, testAppend } from './contract-fixture.ts';
import { appendSurely, JetStreamFixture } from './jetstream-fixture.ts';
import { logStreamConfig } from './jetstream-stream.ts';

const started = await TestNats.start();
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;

/** 64 KiB that don't compress. */
const filler = Array.from({ length: 16 * 1024 }, (_, i) => ((i * 2654435761) >>> 16).toString(16)).join('');
const large = (id: string) => testAppend(id, 'config/a', { data: { filler } });

/** Appends until the log takes no more; the ids that it took, and its refusal. */
async function fill(log: EventLog, prefix: string): Promise<{ taken: string[]; refusal: unknown }> {
  const taken: string[] = [];
  for (let i = 1; i <= 2_000; i++) {
    try {
      await log.append([large(`${prefix}-${i}`)]);
      taken.push(`${prefix}-${i}`);
    } catch (refusal) {
      return { taken, refusal };
    }
  }
  throw new Error('it never was full');
}

describe.skipIf(why !== '')(`a full server${why}`, { timeout: 120_000 }, () => {
  const fixture = new JetStreamFixture(server);
  afterEach(async () => {
    await fixture.closeAll();
    fixture.nextMesh();
  });
  afterAll(() => server.dispose());

  it('refuses appends beyond the limit of the stream, and takes them when an operator raises it', async () => {
    const log = await fixture.open();
    const stream = `${fixture.mesh}-facts`;
    const config = logStreamConfig(stream, `${fixture.mesh}.facts`, 1);
    await fixture.api(`STREAM.UPDATE.${stream}`, { ...config, max_bytes: 1_000_000 });
    const { refusal, taken } = await fill(log, 'x');
    expect(refusal).toMatchObject({ code: 'unavailable', message: expect.stringMatching(/no room.*max_bytes/) });
    expect(taken.length).toBeGreaterThan(3);
    await fixture.api(`STREAM.UPDATE.${stream}`, config);
    await appendSurely(log, [testAppend('after', 'config/a')]);
    expect(await log.verify()).toMatchObject({ ok: true, events: taken.length + 1 });
  });

  it('with a full disk loses nothing that it acknowledged, and goes on after room was made and it was started again', async (context) => {
    const store = join(server.store, '..', 'small');
    mkdirSync(store, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', store], { stdio: 'pipe' });
    } catch {
      return context.skip('no small file system can be mounted here');
    }
    const full = await TestNats.start({ storeDirectory: join(store, 'jetstream'), maxFile: '1T' });
    if (!(full instanceof TestNats)) throw new Error(full.why);
    const meshes = new JetStreamFixture(full);
    try {
      writeFileSync(join(store, 'ballast'), Buffer.alloc(8 * 1024 * 1024));
      const log = (await meshes.openUrl(`${full.url(meshes.mesh)}?monitoring=${full.monitoringPort}`)).facts;
      const { refusal, taken } = await fill(log, 'x');
      const message = expect.stringMatching(/no space left on device.* make room and start it again/);
      expect(refusal).toMatchObject({ code: 'unavailable', message });
      expect(taken.length).toBeGreaterThan(10);
      rmSync(join(store, 'ballast'));
      await full.stop();
      await full.restart();
      // What was refused may have been stored: the same id again is no second event.
      const last = `x-${taken.length + 1}`;
      await appendSurely(log, [large(last)]);
      const ids = idsOf(await collect(log.read()));
      expect(ids).toEqual([...taken, last]);
      await waitFor(async () => (await log.verify()).ok, { what: 'a sound log' });
    } finally {
      await meshes.closeAll();
      await full.dispose();
      execFileSync('umount', ['-l', store]);
    }
  });
});
