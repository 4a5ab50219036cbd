// A ban with real parts: control plane, a sidecar with its Envoy, and callers that have SVIDs. Whoever is banned is refused within seconds,
// on new connections, resumed sessions and those that are open, gets no certificate and no configuration; nobody else notices.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestSvid, type SvidRequest } from '../../agent/identity/citadel-client.ts';
import type { WorkloadSvid } from '../../agent/identity/workload-svid.ts';
import { controlPlaneId, formatSpiffeId } from '../../mesh/spiffe-id.ts';
import { freePorts } from '../support/free-port.ts';
import { periplus, periplusJson, RunningPeriplus } from '../support/periplus.ts';
import { waitFor } from '../support/wait-for.ts';

const uri = (account: string) => `spiffe://cluster.local/ns/shop/sa/${account}`;
const citadelId = formatSpiffeId(controlPlaneId('cluster.local', 'citadel'));

describe('a banned identity', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-bans-'));
  const running: RunningPeriplus[] = [];
  const servers: (http.Server | net.Server)[] = [];
  const ports = { http: 0, tcp: 0, admin: 0, citadel: 0, xds: 0 };
  const svids: Record<string, WorkloadSvid> = {};
  const admin = () => `http://127.0.0.1:${ports.admin}`;
  const roots = () => readFileSync(join(scratch, 'data/citadel/root-cert.pem'), 'utf8');
  const svidFor = async (proof: SvidRequest['proof']) =>
    await requestSvid({ address: `localhost:${ports.citadel}`, roots: roots(), citadelId, proof });
  const tokenFor = async (account: string) => {
    const make = ['token', 'create', uri(account), '--server', admin()];
    return (await periplusJson<{ readonly token: string }>(...make)).token;
  };

  beforeAll(async () => {
    const free = await freePorts(12);
    const [httpPort = 0, tcp = 0, adminPort = 0, citadel = 0, xds = 0, web = 0, app = 0, echo = 0, ...more] = free;
    Object.assign(ports, { http: httpPort, tcp, admin: adminPort, citadel, xds });
    servers.push(
      http.createServer((_, response) => response.end('hello')).listen(app, '127.0.0.1'),
      net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(echo, '127.0.0.1'),
    );
    const config = join(scratch, 'config');
    mkdirSync(config);
    const ingress = (port: number, protocol: string, to: number) =>
      `{ port: { number: ${port}, protocol: ${protocol}, name: p${port} }, bind: 127.0.0.1, captureMode: NONE, defaultEndpoint: "127.0.0.1:${to}" }`;
    writeFileSync(
      join(config, 'mesh.yaml'),
      `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec: { ingress: [${ingress(ports.http, 'HTTP', app)}, ${ingress(tcp, 'TCP', echo)}] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`,
    );
    const flags = { xds, admin: adminPort, citadel, 'citadel-web': web };
    const portFlags = Object.entries(flags).flatMap(([name, port]) => [`--${name}-port`, String(port)]);
    const data = join(scratch, 'data');
    const serve = new RunningPeriplus([
      ...['serve', '--roles', 'pilot,adapters,citadel', '--config', config, '--data', data, ...portFlags],
    ]);
    running.push(serve);
    await serve.untilServing(`${admin()}/readyz`);
    const [status = 0, envoyAdmin = 0, ready = 0, prometheus = 0] = more;
    const own = { status, 'envoy-admin': envoyAdmin, ready, prometheus };
    const ownFlags = Object.entries(own).flatMap(([name, port]) => [`--${name}-port`, String(port)]);
    const identity = ['--name', 'web-1', '-n', 'shop', '--service-account', 'web', '--address', '127.0.0.1'];
    const means = ['--citadel', `localhost:${citadel}`, '--citadel-roots', join(data, 'citadel/root-cert.pem')];
    const pilot = ['--pilot', `127.0.0.1:${xds}`, '--xds-plaintext', '--interception-mode', 'NONE'];
    const sidecar = new RunningPeriplus(
      ['sidecar', ...identity, ...means, ...pilot, ...ownFlags, '--concurrency', '1', '--data', join(scratch, 'proxy')],
      { PERIPLUS_JOIN_TOKEN: await tokenFor('web') },
    );
    running.push(sidecar);
    await sidecar.untilServing(`http://127.0.0.1:${status}/healthz/ready`, 120_000);
    for (const account of ['anna', 'mallory']) svids[account] = await svidFor({ token: await tokenFor(account) });
    await waitFor(async () => (await ask('anna')).status === 200, { what: 'the sidecar to answer' });
  });
  afterAll(async () => {
    for (const process of running.reverse()) await process.stop();
    for (const server of servers) server.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  function connect(account: string, port: number, session?: Buffer): tls.TLSSocket {
    const svid = svids[account];
    if (!svid) throw new Error(`no SVID of ${account}`);
    const keys = { cert: svid.certificateChain, key: svid.privateKey, ca: roots() };
    const options = {
      host: '127.0.0.1',
      port,
      ...keys,
      ALPNProtocols: ['istio'],
      checkServerIdentity: () => undefined,
    };
    return tls.connect({ ...options, ...(session && { session }) }).on('error', () => {});
  }

  /** Status of a request, 0 where the connection ended before; and the session, to be tried again. */
  async function ask(account: string, session?: Buffer) {
    const socket = connect(account, ports.http, session);
    let [text, reused, later] = ['', false, session];
    socket.on('secureConnect', () => (reused = socket.isSessionReused()));
    socket.on('session', (value: Buffer) => (later = value)).on('data', (chunk) => (text += chunk));
    socket.write('GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n');
    await closed(socket);
    return { status: Number(text.split(' ')[1] ?? 0), session: later, reused };
  }

  const closed = (socket: tls.TLSSocket) => new Promise<void>((resolve) => socket.on('close', () => resolve()));
  it('is refused on new, resumed and open connections within seconds; others go on, and it again when unbanned', async () => {
    const open = { http: connect('mallory', ports.http), tcp: connect('mallory', ports.tcp) };
    const ends = [closed(open.http), closed(open.tcp)];
    open.tcp.write('ping');
    expect(String((await once(open.tcp, 'data'))[0])).toBe('ping');
    open.http.write('GET / HTTP/1.1\r\nhost: web\r\n\r\n');
    expect(String((await once(open.http, 'data'))[0])).toContain('200 OK');
    const { session, status } = await ask('mallory');
    expect(status).toBe(200);
    // No connection goes by an earlier one's handshake, banned or not.
    const second = await ask('mallory', session);
    expect([second.status, second.reused]).toEqual([200, false]);

    const answers = new Set<number>();
    let watching = true;
    const others = (async () => {
      while (watching) answers.add((await ask('anna')).status);
    })();
    const started = Date.now();
    const ban = await periplus(['ban', uri('mallory'), '--reason', 'its key was stolen', '--server', admin()]);
    expect(ban.stdout).toBe(`banned: ${uri('mallory')}\n`);
    await waitFor(async () => (await ask('mallory')).status === 0, { what: 'refused connections' });
    const refusedMs = Date.now() - started;
    const resumed = await ask('mallory', session);
    expect([resumed.status, resumed.reused]).toEqual([0, false]);
    await Promise.all(ends);
    const endedMs = Date.now() - started;
    console.log(`a ban: new connections refused after ${refusedMs} ms, open ones ended after ${endedMs} ms`);
    watching = false;
    await others;
    expect([...answers]).toEqual([200]);

    const mallory = svids.mallory;
    if (!mallory) throw new Error('no SVID');
    await expect(svidFor({ svid: mallory })).rejects.toThrow('is banned');
    const again = await periplus(['token', 'create', uri('mallory'), '--server', admin()]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is banned')]);
    const bans = await periplusJson<readonly object[]>('bans', '--server', admin());
    expect(bans).toMatchObject([{ spiffeId: uri('mallory'), reason: 'its key was stolen' }]);
    const history = await periplus(['history', uri('mallory'), '--server', admin()]);
    expect(history.stdout).toContain('identity-banned');

    await periplus(['unban', uri('mallory'), '--server', admin()]);
    await waitFor(async () => (await ask('mallory')).status === 200, { what: 'connections after the ban' });
    expect((await svidFor({ svid: mallory })).spiffeId).toBe(uri('mallory'));
  });

  it('gets no configuration: the stream of its proxy ends and is not taken again', async () => {
    const proxies = async () => (await periplus(['proxy-status', '--server', admin()])).stdout;
    expect(await proxies()).toContain('web-1');
    await periplus(['ban', uri('web'), '--server', admin()]);
    const deliveries = async () =>
      (await periplus(['events', '--deliveries', '-o', 'json', '--server', admin()])).stdout;
    await waitFor(async () => (await deliveries()).includes('the identity shop/web is banned'), { what: 'its end' });
    expect(await proxies()).not.toContain('web-1');
    await periplus(['unban', uri('web'), '--server', admin()]);
    await waitFor(async () => (await proxies()).includes('web-1'), { what: 'the sidecar again', limitMs: 60_000 });
    expect((await ask('anna')).status).toBe(200);
  });
});
