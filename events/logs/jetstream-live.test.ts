// Live events on a real server, watched by a plain NATS client: CloudEvents, in order, from one publisher at a time, none left out over a restart.
import { connect, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { supervise } from '../../lib/service.ts';
import { TestNats } from '../../test/support/nats.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { decodeCloudEvent } from '../cloud-event.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { MeshLogs } from '../event-log.ts';
import { LogMirror } from '../mirror/mirror.ts';
import { collect, succeeded, testAppend, testEvent } from './contract-fixture.ts';
import { JetStreamFixture } from './jetstream-fixture.ts';
import { liveSubject, liveText } from './jetstream-live.ts';

const started = await TestNats.start();
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;

const recorded = (id: string, subject: string): RecordedEvent => ({
  ...testEvent(id, subject, { type: 'io.periplus.config.applied' }),
  specversion: '1.0',
  position: 7,
  version: 1,
  previousHash: '',
});

describe('live events', () => {
  it('have subjects of their log, type and subject', () => {
    const event = recorded('1', 'config/Gateway/default/a.b');
    expect(liveSubject('periplus', 'facts', event)).toBe(
      'mesh.facts.io.periplus.config.applied.config.Gateway.default.a%2Eb',
    );
    expect(liveSubject('shop', 'facts', event)).toMatch(/^mesh-shop\.facts\./);
  });

  it('come without their data, but with the way to it, when a message could not hold them', () => {
    const event = recorded('1', 'config/x');
    expect(decodeCloudEvent(liveText(event, 'facts', 10_000))).toEqual(event);
    const cut = JSON.parse(liveText(event, 'facts', 100)) as Record<string, unknown>;
    expect(cut).toMatchObject({ id: '1', dataref: '/api/v1/events?log=facts&from=7&to=7' });
    expect(cut).not.toHaveProperty('data');
  });
});

describe.skipIf(why !== '')(`live events on a server${why}`, { timeout: 60_000 }, () => {
  const fixture = new JetStreamFixture(server);
  let watcher: NatsConnection;
  let subscription: Subscription;
  let heard: { readonly subject: string; readonly type: string; readonly event: RecordedEvent }[] = [];
  const stops: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    fixture.nextMesh();
    heard = [];
    watcher = await connect({ servers: `127.0.0.1:${server.port}` });
    subscription = watcher.subscribe(`mesh-${fixture.mesh}.>`, {
      callback: (_, message) => {
        const type = message.headers?.get('content-type') ?? '';
        heard.push({ subject: message.subject, type, event: decodeCloudEvent(message.string()) });
      },
    });
    await watcher.flush();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await fixture.closeAll();
    await watcher.close();
  });
  afterAll(() => server.dispose());

  const open = () => fixture.openUrl(`${server.url(fixture.mesh)}?lease=2`);
  /** Starts a publisher of the facts. */
  const publish = (logs: MeshLogs, holder: string) => {
    const { facts: log, leases, live: target } = logs;
    if (target === undefined) throw new Error('no live events');
    const mirror = new LogMirror({
      name: 'facts',
      log,
      target,
      leases,
      holder,
      clock: systemClock,
      logger: silentLogger,
    });
    const stop = new AbortController();
    const running = supervise(mirror.services, { signal: stop.signal, clock: systemClock, logger: silentLogger });
    const end = async () => {
      stop.abort();
      await running;
    };
    stops.push(end);
    return { mirror, end };
  };
  const until = (ids: readonly string[]) =>
    waitFor(() => ids.every((id) => heard.some(({ event }) => event.id === id)), {
      what: () => `${ids.join()}, heard ${heard.map(({ event }) => event.id).join()}`,
    });

  it('are published as they are recorded, in order, by one publisher; history is not', async () => {
    const logs = await open();
    succeeded(await logs.facts.append([testAppend('old', 'config/a')]));
    const one = publish(logs, 'one');
    await waitFor(() => one.mirror.status.state === 'copying', { what: 'one to publish' });
    const two = publish(await open(), 'two');
    await waitFor(() => two.mirror.status.state === 'standby', { what: 'two to stand by' });
    succeeded(await logs.facts.append([testAppend('1', 'config/Gateway/default/a.b'), testAppend('2', 'config/b')]));
    succeeded(await logs.facts.append([testAppend('3', 'config/b')]));
    await until(['1', '2', '3']);
    expect(heard.map(({ event }) => event.id)).toEqual(['1', '2', '3']);
    expect(heard[0]).toMatchObject({
      subject: `mesh-${fixture.mesh}.facts.test.happened.config.Gateway.default.a%2Eb`,
      type: 'application/cloudevents+json',
    });
    const [, ...events] = await collect(logs.facts.read());
    expect(heard.map(({ event }) => event)).toEqual(events);

    await one.end();
    await waitFor(() => two.mirror.status.state === 'copying', { what: 'two to take over' });
    succeeded(await logs.facts.append([testAppend('4', 'config/b')]));
    await until(['4']);
  });

  it('leave out nothing that is recorded while nobody publishes', async () => {
    const logs = await open();
    const one = publish(logs, 'one');
    await waitFor(() => one.mirror.status.state === 'copying', { what: 'one to publish' });
    succeeded(await logs.facts.append([testAppend('1', 'config/a')]));
    await until(['1']);
    await one.end();
    succeeded(await logs.facts.append([testAppend('2', 'config/a'), testAppend('3', 'config/b')]));
    publish(logs, 'again');
    await until(['2', '3']);
  });

  it('go on after the server was away', async () => {
    const logs = await open();
    const one = publish(logs, 'one');
    await waitFor(() => one.mirror.status.state === 'copying', { what: 'one to publish' });
    succeeded(await logs.facts.append([testAppend('1', 'config/a')]));
    await until(['1']);
    await server.kill();
    await server.restart();
    // Who was not connected when it was published has not heard it: until both are back.
    let later = 0;
    await waitFor(
      async () => {
        await logs.facts.append([testAppend(`later-${++later}`, 'config/a')]).catch(() => {});
        return heard.some(({ event }) => event.id.startsWith('later'));
      },
      { what: () => `${one.mirror.status.state} ${watcher.isClosed()} ${subscription.isClosed()}` },
    );
  });
});
