// Two Pilots in processes of their own, on a real NATS server, a real Envoy at each: either one counts the proxies of both, and ends the streams
// of one that does not come back.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import { adsBootstrap } from './support/ads-bootstrap.ts';
import { startEnvoy, type TestEnvoy } from './support/envoy.ts';
import { freePorts } from './support/free-port.ts';
import { TestNats } from './support/nats.ts';
import { periplus, periplusJson, RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const nats = await TestNats.start();
const why = nats instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${nats.why}`;
const scratch = mkdtempSync(join(tmpdir(), 'periplus-two-pilots-'));

interface ProxyLine {
  readonly name: string;
  readonly connected: boolean;
}

const serviceEntry = (address: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: shop, namespace: default }
spec:
  hosts: [shop.mesh]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${address} }]
`;

describe.skipIf(why !== '')(`two Pilots${why}`, () => {
  const server = nats as TestNats;
  const envoys: TestEnvoy[] = [];
  let ports: readonly number[] = [];
  const pilots: RunningPeriplus[] = [];
  let changes = 0;

  const url = () => `${server.url()}?monitoring=${server.monitoringPort}&lease=2`;
  const admin = (i: number) => `http://127.0.0.1:${ports[i]}`;
  const start = async (i: number) => {
    const name = `pilot-${i + 1}`;
    const where = ['--admin-port', String(ports[i]), '--xds-port', String(ports[i + 2]), '--data', join(scratch, name)];
    const process = new RunningPeriplus(['serve', '--roles', 'pilot', '--name', name, '--log', url(), ...where]);
    pilots[i] = process;
    await process.untilServing(`${admin(i)}/readyz`);
  };
  const connected = async (i: number) => {
    const proxies = await periplusJson<ProxyLine[]>('proxy-status', '--server', admin(i));
    return proxies.flatMap((proxy) => (proxy.connected ? [proxy.name] : [])).sort();
  };
  const untilConnected = (i: number, names: readonly string[]) =>
    waitFor(async () => (await connected(i)).join() === names.join(), {
      limitMs: 60_000,
      everyMs: 500,
      what: () => `${names.join()} at Pilot ${i + 1}: ${pilots.map(({ output }) => output.slice(-1500)).join('\n')}`,
    });
  const apply = (i: number, ...flags: string[]) =>
    periplus(['apply', '-f', '-', '--wait', '--server', admin(i), ...flags], {
      input: serviceEntry(`10.0.0.${++changes}`),
    });
  const expectAll = async (i: number, count: number) => {
    const { code, stdout, stderr } = await apply(i, '-o', 'json');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ proxies: { acked: count, total: count } });
  };

  beforeAll(async () => {
    ports = await freePorts(4);
    await Promise.all([start(0), start(1)]);
    for (const i of [0, 1]) {
      const id = `sidecar~10.9.9.${i}~${'ab'[i]}.default~default.svc.cluster.local`;
      envoys.push(await startEnvoy(adsBootstrap(ports[i + 2] ?? 0, 'DELTA_GRPC', id)));
    }
    await untilConnected(0, ['a.default', 'b.default']);
    await untilConnected(1, ['a.default', 'b.default']);
  });

  afterAll(async () => {
    for (const envoy of envoys) process.kill(envoy.pid, 'SIGCONT');
    for (const pilot of pilots) pilot.process.kill('SIGCONT');
    await Promise.all([...envoys, ...pilots].map((one) => one.stop()));
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('count the proxies of both, whichever is asked', async () => {
    await expectAll(0, 2);
    await expectAll(1, 2);
    // Nothing of it changes for anybody: all hold it all the same.
    const again = await periplus(['apply', '-f', '-', '--wait', '--server', admin(0)], {
      input: serviceEntry(`10.0.0.${changes}`),
    });
    expect(again.code, again.stderr).toBe(0);
  });

  it('wait for a proxy of the other that does not answer, and name it', async () => {
    const pid = envoys[1]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const { code, stderr } = await apply(0, '--timeout', '3s');
    process.kill(pid, 'SIGCONT');
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('1/2 proxies, waiting for b.default');
    await expectAll(0, 2);
  });

  it('end the streams of one that was killed for good', async () => {
    pilots[1]?.process.kill('SIGKILL');
    await untilConnected(0, ['a.default']);
    await expectAll(0, 1);
    const { facts, deliveries } = await openJetStreamLogs(url());
    const ends: unknown[] = [];
    for await (const { data } of deliveries.read({ types: ['io.periplus.delivery.proxy-disconnected'] }))
      ends.push((data as { reason: string }).reason);
    await Promise.all([facts.close(), deliveries.close()]);
    expect(ends).toEqual(['its Pilot pilot-2 is gone']);
  });

  it('take one back that comes again, and one that was only stopped for a while', async () => {
    await start(1);
    await untilConnected(0, ['a.default', 'b.default']);
    await expectAll(0, 2);
    pilots[1]?.process.kill('SIGSTOP');
    await untilConnected(0, ['a.default']);
    pilots[1]?.process.kill('SIGCONT');
    await untilConnected(0, ['a.default', 'b.default']);
    await expectAll(0, 2);
    await expectAll(1, 2);
    const { code, stdout } = await periplus(['replay', '--verify', '--server', admin(0)]);
    expect(code, stdout).toBe(0);
  });

  it('keep all streams when NATS is away for longer than their leases', async () => {
    await server.kill();
    const away = performance.now();
    await waitFor(() => performance.now() - away > 3_000, { what: 'the leases to run out' });
    await server.restart();
    await expectAll(0, 2);
    const back = performance.now();
    // Longer than it takes to take a Pilot for lost.
    await waitFor(() => performance.now() - back > 9_000, { what: 'time to pass' });
    expect(await connected(0)).toEqual(['a.default', 'b.default']);
    const { facts, deliveries } = await openJetStreamLogs(url());
    let ends = 0;
    for await (const _ of deliveries.read({ types: ['io.periplus.delivery.proxy-disconnected'] })) ends++;
    await Promise.all([facts.close(), deliveries.close()]);
    expect(ends).toBe(2);
  });
});
