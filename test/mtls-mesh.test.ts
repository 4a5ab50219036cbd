// Mutual TLS between real Envoys under load, from plaintext to STRICT and through new certificates and a new CA: no request fails.
import { readFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Agent } from '../agent/agent.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/logger.ts';
import { proxyPorts } from '../run/demo-plan.ts';
import { freePorts } from './support/free-port.ts';
import { type Load, startLoad } from './support/load.ts';
import { inboundAddress, MtlsMesh, outboundAddress, servicePort, workloadYaml } from './support/mtls-mesh.ts';
import { periplus } from './support/periplus.ts';
import { ShiftedClock } from './support/shifted-clock.ts';
import { waitFor } from './support/wait-for.ts';
import { sendHttp2, webSocket } from './traffic/client.ts';

/** Short, so that renewals and the end of the old CA's certificates are seen; PERIPLUS_LONG_TESTS=1 has the minute that the aim speaks of. */
const lifeSeconds = process.env.PERIPLUS_LONG_TESTS ? 60 : 20;
/** Of cases that wait for certificates to end. */
const patience = { timeout: 60_000 + lifeSeconds * 5_000 };
const perSecond = 200;
/** Renewed between 60 and 90 minutes of age (half, give or take a fifth of it), so that an hour at least is left whenever Citadel dies. */
const longLifeSeconds = 150 * 60;
const hourMs = 3_600_000;

describe('mutual TLS between sidecars, under load', () => {
  const web = { name: 'mtls-web', appPort: 0 };
  const caller = { name: 'mtls-caller' };
  // Their agents' clock is the test's.
  const hourWeb = { name: 'hour-web', appPort: 0 };
  const hourCaller = { name: 'hour-caller' };
  const agentsClock = new ShiftedClock();
  let hourAgents: readonly Agent[];
  let app: Server;
  let mesh: MtlsMesh;
  let agents: Record<'web' | 'caller', Agent>;
  let load: Load;

  beforeAll(async () => {
    [web.appPort = 0] = await freePorts(1);
    app = createServer((request, response) => {
      const client = /URI=([^;]*)/.exec(String(request.headers['x-forwarded-client-cert']))?.[1];
      response.end(client ?? 'plaintext');
    }).listen(web.appPort, '127.0.0.1');
    // At first nobody is told that the server's sidecar takes mutual TLS.
    hourWeb.appPort = web.appPort;
    const files = [caller, hourWeb, hourCaller].map((one) => [`${one.name}.yaml`, workloadYaml(one)] as const);
    mesh = await MtlsMesh.start({ 'web.yaml': workloadYaml(web, false), ...Object.fromEntries(files) });
    agents = {
      web: await mesh.startAgent(web, { lifeSeconds }),
      caller: await mesh.startAgent(caller, { lifeSeconds }),
    };
    await waitFor(async () => (await ask()) === 'plaintext', { what: 'plaintext through the sidecars' });
    load = startLoad(loadOptions);
  });
  afterAll(async () => {
    await mesh?.dispose();
    app?.close();
  });

  const url = `http://${outboundAddress(caller.name)}:${servicePort}/`;
  const headers = { host: `${web.name}:${servicePort}` };
  const loadOptions = { url, headers, perSecond, tagOf: (body: string) => body };
  const callerId = 'spiffe://cluster.local/ns/default/sa/mtls-caller';
  async function ask(): Promise<string> {
    const { tags } = await oneRequest();
    return Object.keys(tags)[0] ?? '';
  }
  async function oneRequest() {
    const one = startLoad(loadOptions);
    await waitFor(() => one.sent() >= 1, { what: 'a request' });
    return await one.stop();
  }
  /** Filter chains that Envoy has replaced and that still have connections. */
  const draining = async (name: string) => {
    const stats = await fetch(`http://${inboundAddress(name)}:${proxyPorts.admin}/stats?filter=filter_chains_draining`);
    return Number(/: (\d+)/.exec(await stats.text())?.[1]);
  };
  const apply = async (yaml: string) => {
    const done = await periplus(['apply', '-f', '-', '--server', mesh.adminUrl, '--wait'], { input: yaml });
    expect(done.code, done.stdout + done.stderr).toBe(0);
  };
  const peerAuthentication = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: ${mode} } }
`;
  /** Whether the server's port takes a request in plaintext from somebody without a sidecar. */
  const takesPlaintext = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(servicePort, inboundAddress(web.name));
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      socket.on('error', () => {});
      socket.on('close', () => resolve(text.startsWith('HTTP/1.1 200')));
      socket.write(`GET / HTTP/1.1\r\nhost: ${web.name}\r\nconnection: close\r\n\r\n`);
    });

  it('goes from plaintext to PERMISSIVE to STRICT without a failed request', async () => {
    expect(await takesPlaintext()).toBe(true);
    // The platform says that the server's sidecar has an identity: callers change over while it still takes both.
    mesh.write('web.yaml', workloadYaml(web));
    await waitFor(async () => (await ask()) === callerId, { what: 'mutual TLS' });
    await apply(peerAuthentication('PERMISSIVE'));
    await apply(peerAuthentication('STRICT'));
    await waitFor(async () => !(await takesPlaintext()), { what: 'plaintext to be refused' });
    await apply(peerAuthentication('PERMISSIVE'));
    await waitFor(takesPlaintext, { what: 'plaintext to be taken again' });
    await apply(peerAuthentication('STRICT'));
    await waitFor(async () => !(await takesPlaintext()), { what: 'plaintext to be refused again' });
    expect(load.sent()).toBeGreaterThan(100);
  });

  it('passes WebSockets over STRICT mutual TLS, and HTTP/2 clients too', async () => {
    app.on('upgrade', (request, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
      socket.on('error', () => {});
      const client = String(request.headers['x-forwarded-client-cert']).includes(callerId) ? callerId : 'plaintext';
      socket.on('data', (data) => socket.write(`${client} ${String(data)}`));
    });
    const call = { port: servicePort, address: outboundAddress(caller.name), host: headers.host };
    expect(await webSocket('/', call, 'hello')).toEqual({ status: 101, answer: `${callerId} hello` });
    expect((await sendHttp2('/', call)).body).toBe(callerId);
  });

  it('replaces the CA by one with a new key, waiting for a proxy that lags and naming it', patience, async () => {
    const { admin } = mesh.citadel;
    const step = async () => {
      const decision = await admin.rotate('user:test');
      return decision.ok ? decision.step : decision;
    };
    const before = mesh.roots();
    expect(await step()).toBe('prepare');
    // A proxy that can't answer lags: its Envoy is stopped.
    const lagging = await mesh.startAgent({ name: 'mtls-lagging' }, { lifeSeconds });
    process.kill(lagging.envoyPid ?? 0, 'SIGSTOP');
    try {
      expect(await step()).toBe('publish');
      const lags = async () => (await admin.caStatus()).lagging;
      await waitFor(async () => (await lags()).length === 1, { what: 'everybody but one to hold the new bundle' });
      const named = [expect.stringContaining('mtls-lagging.default')];
      expect(await lags()).toEqual(named);
      expect(await step()).toMatchObject({ ok: false, step: 'activate', waitingFor: named });
    } finally {
      process.kill(lagging.envoyPid ?? 0, 'SIGCONT');
    }
    await waitFor(async () => (await step()) === 'activate', { what: 'the proxy to catch up', everyMs: 200 });
    await mesh.stopAgent('mtls-lagging');
    expect(await step()).toBe('taint');
    // Revoked when the last certificate of the old CA has ended: all have been renewed by then.
    await waitFor(async () => (await step()) === 'revoke', {
      what: 'revocation',
      limitMs: lifeSeconds * 3_000,
      everyMs: 500,
    });
    await waitFor(async () => (await admin.caStatus()).lagging.length === 0, {
      what: 'everybody to forget the old CA',
    });
    expect(mesh.roots()).not.toContain(before);
    expect(await ask()).toBe(callerId);
  });

  it('has renewed certificates meanwhile, and no request has failed', async () => {
    const issued = new Map<string, number>();
    const types = ['io.periplus.identity.certificate-issued'];
    for await (const { subject } of mesh.composition.logs.facts.read({ types }))
      issued.set(subject, (issued.get(subject) ?? 0) + 1);
    for (const name of [web.name, caller.name])
      expect(issued.get(`identity/spiffe://cluster.local/ns/default/sa/${name}`)).toBeGreaterThan(2);
    const { sent, failures, tags } = await load.stop();
    expect(failures).toEqual([]);
    expect(Object.keys(tags).sort()).toEqual(['plaintext', callerId].sort());
    expect(sent).toBeGreaterThan(perSecond * lifeSeconds);
  });

  it('asks Mixer over mutual TLS', async () => {
    const answer = (userAgent: string) =>
      new Promise<string>((resolve, reject) => {
        get(url, { headers: { ...headers, 'user-agent': userAgent } }, (response) => {
          text(response).then((body) => resolve(`${response.statusCode} ${body}`), reject);
        }).on('error', reject);
      });
    await apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: asked, namespace: default }
spec:
  selector: { matchLabels: { app: ${web.name} } }
  rules:
    - when: 'size(request.path | "") >= 0 && request.headers["user-agent"] == "mallory"'
      deny: { status: 429, message: not you }
`);
    await waitFor(async () => (await answer('mallory')) === '429 not you', { what: 'Mixer to refuse' });
    expect(await answer('alice')).toBe(`200 ${callerId}`);
    const deleted = await periplus(['delete', 'policy/asked', '--server', mesh.adminUrl, '--wait']);
    expect(deleted.code, deleted.stdout + deleted.stderr).toBe(0);
    await waitFor(async () => (await answer('mallory')) === `200 ${callerId}`, { what: 'nobody to ask' });
    // Connections that were open go on as they began until Envoy has drained them.
    await waitFor(async () => (await draining(web.name)) === 0, { what: 'no connection to ask for' });
  });

  it(
    'serves for an hour without Citadel: agents that should have renewed ask in vain and keep what they have',
    patience,
    async () => {
      const path = join(mesh.folder, 'agents.log');
      const logger = createLogger({ level: 'warn', path });
      const longLived = { lifeSeconds: longLifeSeconds, clock: agentsClock, logger };
      hourAgents = [await mesh.startAgent(hourWeb, longLived), await mesh.startAgent(hourCaller, longLived)];
      const hourLoad = startLoad({
        url: `http://${outboundAddress(hourCaller.name)}:${servicePort}/`,
        headers: { host: `${hourWeb.name}:${servicePort}` },
        perSecond,
        tagOf: (body) => body,
      });
      const held = hourAgents.map(({ svid }) => svid);
      agentsClock.pass(0.4 * longLifeSeconds * 1000 - 60_000);
      await mesh.stopControlPlane();
      for (let minute = 0; minute < 60; minute++) {
        const sent = hourLoad.sent();
        agentsClock.pass(hourMs / 60);
        await waitFor(() => hourLoad.sent() > sent, { what: 'requests in this minute' });
      }
      expect(hourAgents.map(({ svid }) => svid)).toEqual(held);
      const said = readFileSync(path, 'utf8').split('\n');
      const inVain = (name: string) =>
        said.filter((line) => line.includes(name) && line.includes('could not be renewed'));
      for (const { name } of [hourWeb, hourCaller]) expect(inVain(name).length).toBeGreaterThan(0);
      for (const svid of held) expect(svid?.notAfterMs).toBeGreaterThan(agentsClock.nowMs());
      const { failures, tags } = await hourLoad.stop();
      expect(failures).toEqual([]);
      expect(Object.keys(tags)).toEqual(['spiffe://cluster.local/ns/default/sa/hour-caller']);
    },
  );

  it('serves on without a control plane, and a sidecar starts anew from the SVID that it kept', patience, async () => {
    load = startLoad(loadOptions);
    await mesh.stopControlPlane();
    // As long as both have a certificate: each renews at half of its life, so that half of it is left of the older one at least.
    const notAfterMs = Math.min(...Object.values(agents).map(({ svid }) => svid?.notAfterMs ?? 0));
    await waitFor(() => systemClock.nowMs() > notAfterMs - (lifeSeconds * 1_000) / 10, {
      what: 'most of a certificate’s life',
      limitMs: lifeSeconds * 2_000,
    });
    const { sent, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(0);
    const { certificateChain = '' } = agents.caller.svid ?? {};
    await mesh.stopAgent(caller.name);
    agents.caller = await mesh.startAgent(caller, { lifeSeconds, serves: false });
    await waitFor(() => agents.caller.svid?.certificateChain === certificateChain, { what: 'the SVID that was kept' });
  });
});
