// Requests through a real Envoy while what stands behind it dies: each Pilot, both at once, the adapters, Citadel, Mixer, and NATS. No request fails, nothing that
// is recorded is lost, and no proxy is sent again what it holds.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import { freePorts } from './support/free-port.ts';
import { type Load, startLoad } from './support/load.ts';
import { TestNats } from './support/nats.ts';
import { periplus, RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const nats = await TestNats.start();
const why = nats instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${nats.why}`;
const scratch = mkdtempSync(join(tmpdir(), 'periplus-outages-'));
const folder = join(scratch, 'config');
/** How long what is dead stays dead. The minute with PERIPLUS_LONG_TESTS=1, at its 200 requests a second. */
const long = process.env.PERIPLUS_LONG_TESTS !== undefined;
const deadMs = long ? 60_000 : 2_000;
const perSecond = long ? 200 : 50;

const services = ['pilot-1', 'pilot-2', 'adapters', 'citadel', 'mixer'] as const;

const mesh = (appPort: number, gatewayPort: number) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: shop, namespace: default }
spec:
  hosts: [shop.mesh]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${appPort} }]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{ address: 127.0.0.1 }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ingress, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: ${gatewayPort}, name: http, protocol: HTTP }, hosts: ['*'] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop, namespace: default }
spec:
  hosts: ['*']
  gateways: [ingress]
  http: [{ route: [{ destination: { host: shop.mesh, port: { number: 80 } } }] }]
`;

describe.skipIf(why !== '')(`traffic while services are dead${why}`, { timeout: long ? 900_000 : 240_000 }, () => {
  const server = nats as TestNats;
  const app = createServer((_, response) => response.end('ok'));
  // Node closes idle connections after 5 s by default, now and then just as Envoy sends a request on one.
  app.keepAliveTimeout = 3_600_000;
  const processes = new Map<string, RunningPeriplus>();
  let ports: readonly number[] = [];
  let load: Load;

  const url = () => `${server.url()}?monitoring=${server.monitoringPort}`;
  const admin = (port: number | undefined) => `http://127.0.0.1:${port}`;
  const start = async (name: string) => {
    const [pilotOne, pilotTwo, adapters, citadel, mixer, xdsOne, xdsTwo, signing, policy] = ports.map(String);
    const roles: Readonly<Record<string, readonly string[]>> = {
      'pilot-1': ['pilot', pilotOne ?? '', '--xds-port', xdsOne ?? ''],
      'pilot-2': ['pilot', pilotTwo ?? '', '--xds-port', xdsTwo ?? ''],
      adapters: ['adapters', adapters ?? '', '--config', folder],
      citadel: ['citadel', citadel ?? '', '--citadel-port', signing ?? ''],
      mixer: ['mixer', mixer ?? '', '--mixer-port', policy ?? ''],
    };
    const [role = '', port = '', ...more] = roles[name] ?? [];
    const where = ['--name', name, '--data', join(scratch, name), '--log', url(), '--admin-port', port];
    const process = new RunningPeriplus(['serve', '--roles', role, ...where, ...more]);
    processes.set(name, process);
    await process.untilServing(`${admin(Number(port))}/readyz`);
  };
  const pause = async () => {
    const from = performance.now();
    await waitFor(() => performance.now() - from >= deadMs, { limitMs: deadMs * 3, what: 'the outage to last' });
  };
  const killed = async (...names: readonly string[]) => {
    for (const name of names) processes.get(name)?.process.kill('SIGKILL');
    await pause();
    for (const name of names) await start(name);
  };
  /** Responses that were recorded as sent to proxies, and facts. */
  const recorded = async () => {
    const { facts, deliveries } = await openJetStreamLogs(url());
    let pushes = 0;
    for await (const _ of deliveries.read({ types: ['io.periplus.delivery.pushed'] })) pushes++;
    const applied: string[] = [];
    for await (const { id } of facts.read({ subject: 'config' })) applied.push(id);
    const sound = [await facts.verify(), await deliveries.verify()];
    await Promise.all([facts.close(), deliveries.close()]);
    return { pushes, applied, sound: sound.every(({ ok }) => ok) };
  };

  beforeAll(async () => {
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    const [gatewayPort = 0, envoyAdmin = 0, status = 0, ...rest] = await freePorts(12);
    ports = rest;
    mkdirSync(folder);
    writeFileSync(join(folder, 'mesh.yaml'), mesh((app.address() as AddressInfo).port, gatewayPort));
    await Promise.all(services.map(start));
    const pilots = rest.slice(5, 7).flatMap((port) => ['--pilot', `127.0.0.1:${port}`]);
    const envoyPorts = ['--envoy-admin-port', String(envoyAdmin), '--status-port', String(status)];
    const no = ['--ready-port', '0', '--prometheus-port', '0'];
    const where = ['--name', 'ingressgateway', '--address', '127.0.0.1', '--data', join(scratch, 'gateway')];
    processes.set('gateway', new RunningPeriplus(['gateway', ...where, ...pilots, ...envoyPorts, ...no]));
    const target = `http://127.0.0.1:${gatewayPort}/`;
    await processes.get('gateway')?.untilServing(target);
    load = startLoad({ url: target, perSecond, tagOf: (body) => body });
  });

  afterAll(async () => {
    await Promise.all([...processes.values()].map((process) => process.stop()));
    app.close();
    app.closeAllConnections();
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('fails no request, loses no event, and sends no proxy what it has', async () => {
    let settled = await recorded();
    await waitFor(
      async () => {
        const before = settled.pushes;
        settled = await recorded();
        return settled.pushes > 0 && settled.pushes === before;
      },
      { everyMs: 1_000, what: 'the first configuration to have been sent' },
    );
    for (const name of services) await killed(name);
    await killed('pilot-1', 'pilot-2');
    await server.kill();
    await pause();
    await server.restart();
    for (const port of ports.slice(0, services.length))
      await waitFor(async () => (await fetch(`${admin(port)}/readyz`).catch(() => undefined))?.status === 200, {
        what: 'the services to be ready again',
      });
    const after = await recorded();
    expect(after).toEqual({ ...settled, sound: true });

    // It all works again: a change gets through.
    const apply = ['apply', '-f', '-', '--wait', '--timeout', '60s', '--server', admin(ports[0])];
    const change = mesh(9, 9).split('---')[0]?.replaceAll('shop', 'other') ?? '';
    const { code, stderr } = await periplus(apply, { input: change });
    expect(code, stderr).toBe(0);
    const { failures, sent } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(perSecond);
    for (const port of ports.slice(0, 2)) {
      const replay = await periplus(['replay', '--verify', '--server', admin(port)]);
      expect(replay.code, replay.stdout + replay.stderr).toBe(0);
    }
  });
});
