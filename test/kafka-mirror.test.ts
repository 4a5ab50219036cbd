// The mirror in a real Kafka: every event of both logs at least once and in order, over kills of the broker and of the control plane.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../events/canonical-json.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { EventLog } from '../events/event-log.ts';
import { collect, testAppends } from '../events/logs/contract-fixture.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import { openSqliteLogs } from '../events/logs/sqlite.ts';
import { kafkaTarget } from '../events/mirror/kafka-target.ts';
import { parseKafkaUrl } from '../events/mirror/kafka-url.ts';
import { LogMirror } from '../events/mirror/mirror.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { supervise } from '../lib/service.ts';
import { freePorts } from './support/free-port.ts';
import { TestKafka, type TextMessage } from './support/kafka.ts';
import { RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const broker = await TestKafka.start();
const why = broker instanceof TestKafka ? '' : `: skipped, no Kafka can be had: ${broker.why}`;
const scratch = mkdtempSync(join(tmpdir(), 'periplus-mirror-'));

describe.skipIf(why !== '')(`the Kafka mirror${why}`, () => {
  const kafka = broker as TestKafka;
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(async () => {
    await kafka.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  /** Mirrors a log in this process. */
  function mirrorTo(url: string, log: EventLog): LogMirror {
    const target = kafkaTarget(parseKafkaUrl(url), 'test');
    const means = { clock: systemClock, logger: silentLogger };
    const mirror = new LogMirror({ name: 'facts', log, target, holder: 'test', ...means });
    const abort = new AbortController();
    const done = supervise(mirror.services, { signal: abort.signal, ...means });
    stops.push(async () => {
      abort.abort();
      await done;
    });
    return mirror;
  }
  const until = (mirror: LogMirror, position: number) =>
    waitFor(() => mirror.status.position === position, {
      limitMs: 60_000,
      what: () => `position ${position}: ${JSON.stringify(mirror.status)}`,
    });

  it('keeps the order of each subject on several partitions', async () => {
    await kafka.createTopic('partitions', 3);
    const log = new MemoryLog();
    for (let i = 0; i < 20; i++) await log.append(testAppends(`${i}-`, 60));
    const { position } = await log.head();
    await until(mirrorTo(`kafka://${kafka.address}/partitions`, log), position);
    const messages = await kafka.read('partitions');
    expect(messages).toHaveLength(position);
    expect(new Set(messages.map(({ partition }) => partition)).size).toBeGreaterThan(1);
    for (const partition of [0, 1, 2]) {
      const positions = messages.filter((one) => one.partition === partition).map(positionOf);
      expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    }
  });

  it.each(['scram-sha-512', 'plain'])(
    'logs in with %s over TLS, and is refused with a wrong password',
    async (sasl) => {
      const log = new MemoryLog();
      await log.append(testAppends('a', 5));
      const url = (password: string) =>
        `kafkas://mirror:${password}@${kafka.secureAddress}/secure-${sasl}?sasl=${sasl}&ca=${kafka.caFile}`;
      const refused = mirrorTo(url('wrong'), log);
      await waitFor(() => refused.status.state === 'failing', { limitMs: 60_000, what: 'it to be refused' });
      await until(mirrorTo(url('secret'), log), 5);
      expect(refused.status).toMatchObject({ position: 0, sentEvents: 0 });
      expect(await kafka.read(`secure-${sasl}`)).toHaveLength(5);
    },
  );

  it('has every event of both logs, in order, whoever is killed in between', async () => {
    const [admin = 0, xds = 0] = await freePorts(2);
    const server = `http://127.0.0.1:${admin}`;
    const data = join(scratch, 'data');
    const mirror = `kafka://${kafka.address}/mesh`;
    const start = async () => {
      const ports = ['--admin-port', String(admin), '--xds-port', String(xds)];
      const process = new RunningPeriplus(['serve', '--roles', 'pilot', '--data', data, ...ports, '--mirror', mirror]);
      stops.push(() => process.stop());
      await process.untilServing(`${server}/readyz`);
      return process;
    };
    let tried = 0;
    let acknowledged = 0;
    const apply = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await applyChange(server, ++tried);
        acknowledged++;
      }
    };
    const metric = async (name: string, log = 'facts') => metricOf(server, `periplus_mirror_${name}`, log);
    const caughtUp = () =>
      waitFor(async () => (await metric('lag_events')) === 0 && (await metric('position')) >= acknowledged, {
        limitMs: 120_000,
        what: 'the mirror to catch up',
      });

    let process = await start();
    await apply(30);
    await caughtUp();
    await kafka.kill();
    await apply(30);
    await waitFor(async () => (await metric('lag_events')) >= 30, { what: 'the lag to show' });
    expect((await fetch(`${server}/readyz`)).status).toBe(200);
    await kafka.restart();
    await apply(30);
    await caughtUp();
    // With events under way.
    const applying = apply(40).catch(() => {});
    await waitFor(async () => (await metric('position')) >= 100, { what: 'some of them' }).catch(() => {});
    process.process.kill('SIGKILL');
    await applying;
    process = await start();
    await apply(30);
    await caughtUp();
    await waitFor(async () => (await metric('lag_events', 'deliveries')) === 0, { what: 'the deliveries' });
    expect(await process.stop()).toBe(0);

    const logs = await openSqliteLogs(join(data, 'log'));
    const messages = await kafka.read('mesh');
    expectCopy(await collect(logs.facts.read()), messages, 'facts');
    const deliveries = await collect(logs.deliveries.read());
    // What was written while it stopped is copied at its next start.
    const copied = Math.max(0, ...of(messages, 'deliveries').map(positionOf));
    expectCopy(deliveries.slice(0, copied), messages, 'deliveries');
    await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  }, 300_000);
});

const positionOf = (message: TextMessage) => Number(message.headers.get('ce_position'));
const of = (messages: readonly TextMessage[], log: string) =>
  messages.filter((message) => message.headers.get('ce_log') === log);

/** Every event is there; without those sent again, which a consumer drops by position, they are in the log's order. */
function expectCopy(events: readonly RecordedEvent[], messages: readonly TextMessage[], log: string): void {
  let highest = 0;
  const kept = of(messages, log).filter((message) => {
    const isNew = positionOf(message) > highest;
    if (isNew) highest = positionOf(message);
    return isNew;
  });
  expect(kept.map(positionOf)).toEqual(events.map(({ position }) => position));
  expect(kept.map(({ key, value, headers }) => [headers.get('ce_id'), key, value])).toEqual(
    events.map(({ id, subject, data }) => [id, subject, canonicalJson(data)]),
  );
}

/** One change of one VirtualService, acknowledged. */
async function applyChange(server: string, number: number): Promise<void> {
  const body = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v${number % 7}, namespace: default }
spec:
  hosts: [v${number % 7}.example.com]
  http: [{ timeout: ${number}s, route: [{ destination: { host: v.example.com } }] }]
`;
  const headers = { 'content-type': 'application/yaml' };
  const response = await fetch(`${server}/api/v1/apply`, { method: 'POST', body, headers });
  if (response.status !== 200) throw new Error(`apply: ${response.status} ${await response.text()}`);
}

/** A metric's value for one log; NaN while it is not there. */
async function metricOf(server: string, name: string, log: string): Promise<number> {
  const text = await (await fetch(`${server}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{log="${log}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}
