// Adapters, Citadel, Mixer and two Pilots as processes of their own, each with a NATS key that may do only its work, meeting only in NATS: started in
// any order, equal, and at peace with its death.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';
import { afterAll, describe, expect, it } from 'vitest';
import { requestSvid } from '../agent/identity/citadel-client.ts';
import { mutualTls } from '../agent/identity/mutual-tls.ts';
import { AdsClient } from '../services/pilot/xds/ads-client-fixture.ts';
import { freePorts } from './support/free-port.ts';
import { TestNats } from './support/nats.ts';
import { periplus, periplusJson, RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-separate-'));
const keys = await periplusJson<{ role: string; query: string }[]>('nats', 'keys', join(scratch, 'keys'));
const nats = await TestNats.start({ more: `include "../${basename(scratch)}/keys/authorization.conf"` });
const why = nats instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${nats.why}`;
const folder = join(scratch, 'config');
const running: RunningPeriplus[] = [];

interface Checks {
  readonly checks: readonly { readonly name: string; readonly detail: string }[];
}

const serviceEntry = (name: string, address: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${name}.mesh]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{ address: ${address} }]
`;

const virtualService = (name: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${name}.mesh]
  http: [{ route: [{ destination: { host: ${name}.mesh } }] }]
`;

describe.skipIf(why !== '')(`services apart${why}`, () => {
  const server = nats as TestNats;
  let pilots: readonly string[] = [];
  let adapters = '';
  let citadel = '';
  let mixer = '';
  let signing = 0;

  afterAll(async () => {
    await Promise.all(running.map((process) => process.stop()));
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const start = (name: string, role: string, admin: number, ...args: string[]) => {
    const key = keys.find((one) => one.role === role)?.query ?? '';
    const log = `${server.url()}?monitoring=${server.monitoringPort}&${key}`;
    const data = ['--roles', role, '--data', join(scratch, name), '--name', name, '--log', log];
    const process = new RunningPeriplus(['serve', ...data, '--admin-port', String(admin), ...args]);
    running.push(process);
    return process;
  };
  const services = (pilot: string) => periplusJson<unknown[]>('get', 'services', '--server', pilot);
  const holds = async (pilot: string, kind: string, text: string) =>
    JSON.stringify(await periplusJson('get', kind, '--server', pilot)).includes(text);

  it('start in any order, also before NATS, and agree', async () => {
    const [one = 0, two = 0, other = 0, third = 0, fourth = 0, ...more] = await freePorts(9);
    const [sign = 0, policy = 0, xdsOne = 0, xdsTwo = 0] = more;
    pilots = [one, two].map((port) => `http://127.0.0.1:${port}`);
    adapters = `http://127.0.0.1:${other}`;
    citadel = `http://127.0.0.1:${third}`;
    mixer = `http://127.0.0.1:${fourth}`;
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.yaml'), serviceEntry('first', '10.0.0.1'));
    await server.stop();
    const first = start('pilot-1', 'pilot', one, '--xds-port', String(xdsOne));
    signing = sign;
    start('citadel', 'citadel', third, '--citadel-port', String(sign));
    await waitFor(() => first.output.includes('waiting for NATS'), { what: () => `it to wait: ${first.output}` });
    await server.restart();
    start('mixer', 'mixer', fourth, '--mixer-port', String(policy));
    start('adapters', 'adapters', other, '--config', folder);
    start('pilot-2', 'pilot', two, '--xds-port', String(xdsTwo));
    const urls = [pilots[0], citadel, mixer, adapters, pilots[1]];
    await Promise.all(running.map((process, i) => process.untilServing(`${urls[i]}/readyz`)));
    for (const pilot of pilots) await waitFor(() => holds(pilot, 'services', 'first.mesh'), { what: 'the service' });
    expect(await services(pilots[0] ?? '')).toEqual(await services(pilots[1] ?? ''));
  });

  it('carry a change of a file to both Pilots', async () => {
    writeFileSync(join(folder, 'b.yaml'), serviceEntry('second', '10.0.0.2'));
    for (const pilot of pilots) await waitFor(() => holds(pilot, 'services', 'second.mesh'), { what: 'the change' });
    expect(await services(pilots[0] ?? '')).toEqual(await services(pilots[1] ?? ''));
  });

  it('know of each other who writes for a platform and who stands by', async () => {
    const writer = async () => {
      const { checks } = await periplusJson<Checks>('check', '--server', pilots[1] ?? '');
      return checks.find(({ name }) => name === 'writer of files/default')?.detail;
    };
    expect(await writer()).toBe('adapters; nobody stands by');
    const [port = 0] = await freePorts(1);
    const second = start('adapters-2', 'adapters', port, '--config', folder);
    await waitFor(async () => (await writer()) === 'adapters; adapters-2 standing by', {
      what: () => `it to stand by: ${second.output}`,
    });
    await running.pop()?.stop();
    await waitFor(async () => (await writer()) === 'adapters; nobody stands by', { what: 'it to be gone' });
  });

  it('show changes live to whoever watches NATS with the reader’s key', async () => {
    const authenticator = nkeyAuthenticator(readFileSync(join(scratch, 'keys', 'reader.nk')).subarray(0, 58));
    const watcher = await connect({
      servers: `127.0.0.1:${server.port}`,
      inboxPrefix: '_INBOX_reader',
      authenticator,
    });
    const heard: string[] = [];
    watcher.subscribe('mesh.>', { callback: (_, { subject }) => void heard.push(subject) });
    await watcher.flush();
    let changes = 0;
    await waitFor(
      () => {
        writeFileSync(join(folder, 'live.yaml'), serviceEntry('live', `10.0.9.${(++changes % 250) + 1}`));
        return heard.includes('mesh.facts.io.periplus.config.applied.config.ServiceEntry.default.live');
      },
      { everyMs: 500, what: () => `the event; heard ${heard.join()}` },
    );
    await watcher.close();
  });

  it('show at one Pilot what was applied at the other', async () => {
    const [one = '', two = ''] = pilots;
    const { code, stderr } = await periplus(['apply', '-f', '-', '--server', one], { input: virtualService('second') });
    expect(code, stderr).toBe(0);
    await waitFor(() => holds(two, 'virtualservices', 'second'), { what: 'the resource' });
  });

  it('outlive the death of NATS: reads go on, and what changes meanwhile arrives afterwards', async () => {
    await server.kill();
    expect(await holds(pilots[0] ?? '', 'services', 'second.mesh')).toBe(true);
    writeFileSync(join(folder, 'c.yaml'), serviceEntry('third', '10.0.0.3'));
    await server.restart();
    for (const pilot of pilots) await waitFor(() => holds(pilot, 'services', 'third.mesh'), { what: 'the change' });
    for (const pilot of pilots) {
      const { code, stdout, stderr } = await periplus(['replay', '--verify', '--server', pilot]);
      expect(code, stdout + stderr).toBe(0);
    }
  });

  it('have a Pilot that speaks mutual TLS by Citadel’s word, and knows certificates of a new CA at once', async () => {
    const token = async (account: string) =>
      (await periplus(['token', 'create', `spiffe://cluster.local/ns/${account}/sa/${account}`, '--server', citadel]))
        .stdout;
    const rootsFile = join(scratch, 'citadel', 'citadel', 'root-cert.pem');
    const [port = 0, xds = 0, overTls = 0] = await freePorts(3);
    const tokenFile = join(scratch, 'pilot-token');
    const pilotId = 'spiffe://cluster.local/ns/periplus-system/sa/pilot';
    const made = await periplus(['token', 'create', pilotId, '--server', citadel]);
    expect(made.code, made.stderr).toBe(0);
    writeFileSync(tokenFile, made.stdout);
    const identity = [
      '--citadel',
      `localhost:${signing}`,
      '--citadel-roots',
      rootsFile,
      '--join-token-file',
      tokenFile,
    ];
    const ports = ['--xds-port', String(xds), '--xds-mtls-port', String(overTls)];
    const secure = start('pilot-3', 'pilot', port, ...identity, ...ports);
    await secure.untilServing(`http://127.0.0.1:${port}/readyz`);

    for (const step of ['prepare', 'publish', 'activate']) {
      let said = '';
      await waitFor(
        async () => {
          const { code, stdout, stderr } = await periplus(['ca', 'rotate', '--server', citadel]);
          said = stdout + stderr;
          return code === 0;
        },
        { what: () => `${step}: ${said}` },
      );
      expect(said).toBe(`done: ${step}\n`);
    }
    const roots = readFileSync(rootsFile, 'utf8');
    const citadelId = 'spiffe://cluster.local/ns/periplus-system/sa/citadel';
    const proof = { token: (await token('shop')).trim() };
    const own = await requestSvid({ address: `localhost:${signing}`, roots, citadelId, proof });
    const credentials = mutualTls({ roots: own.roots, serverId: pilotId, own });
    const node = { id: 'sidecar~10.9.9.9~web-0.shop~shop.svc.cluster.local', metadata: {}, credentials };
    const client = new AdsClient(overTls, 'delta', node);
    client.delta({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
    expect((await client.next()).resources.length).toBeGreaterThan(0);
    client.close();
    await secure.stop();
    running.splice(running.indexOf(secure), 1);
  });

  it('answer for the health of a process without Pilot', async () => {
    expect(await (await fetch(`${adapters}/readyz`)).json()).toMatchObject({ ready: true });
    const metrics = await (await fetch(`${adapters}/metrics`)).text();
    expect(metrics).toMatch(/periplus_part_ready\{part="adapter files default"\} 1/);
    expect((await fetch(`${adapters}/api/v1/services`)).status).toBe(404);
    for (const service of [citadel, mixer])
      expect(await (await fetch(`${service}/readyz`)).json()).toMatchObject({ ready: true });
    expect(await (await fetch(`${mixer}/metrics`)).text()).toMatch(/periplus_part_ready\{part="mixer"\} 1/);
    expect(await (await fetch(`${citadel}/metrics`)).text()).toMatch(/periplus_part_ready\{part="citadel"\} 1/);
  });

  it('refuse, when started again, a log that has lost what they had seen', async () => {
    await Promise.all(running.splice(0).map((process) => process.stop()));
    await server.stop();
    rmSync(server.store, { recursive: true });
    await server.restart();
    const [port = 0, xds = 0] = await freePorts(2);
    const again = start('pilot-1', 'pilot', port, '--xds-port', String(xds));
    await waitFor(() => again.process.exitCode !== null, { what: () => `it to end: ${again.output}` });
    expect(again.process.exitCode).toBe(1);
    expect(again.output).toMatch(/position 1: the log ends before it/);
  });
});
