// Every port before anybody knows who asks: crowds, garbage and bombs. Memory and connections stay bounded, and who behaves is served.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChannelCredentials, Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestSvid } from '../../agent/identity/citadel-client.ts';
import { mutualTls, mutualTlsChannel } from '../../agent/identity/mutual-tls.ts';
import type { WorkloadSvid } from '../../agent/identity/workload-svid.ts';
import { httpLimits } from '../../lib/bounded-http-server.ts';
import { defaultConnectionLimits } from '../../lib/connection-guard.ts';
import { type ControlPlanePart, controlPlaneId, formatSpiffeId } from '../../mesh/spiffe-id.ts';
import { csrConnectionLimits } from '../../services/citadel/csr/csr-server.ts';
import { AdsClient } from '../../services/pilot/xds/ads-client-fixture.ts';
import {
  dribble,
  garbage,
  halfOpenCalls,
  type Release,
  resetCalls,
  shout,
  silence,
  type Target,
  unpackingMessage,
  whisper,
} from '../support/crowd.ts';
import { askAtOnce, crowdOf } from '../support/csr-crowd.ts';
import { freePorts } from '../support/free-port.ts';
import { RunningPeriplus } from '../support/periplus.ts';
import { waitFor } from '../support/wait-for.ts';

/** What is held for a crowd by the kernel, V8 and TLS, beside the 64 MiB that strangers may send together. Without bounds it is gigabytes. */
const mayGrowByMiB = 400;
const adsPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const checkPath = '/envoy.service.auth.v3.Authorization/Check';
const nodeId = 'sidecar~10.9.9.9~web-0.shop~shop.svc.cluster.local';
const controlPlane = (part: ControlPlanePart) => formatSpiffeId(controlPlaneId('cluster.local', part));
const csrPath = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
const residentMiBOf = (pid: number | undefined) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
/** Status of a GET over HTTPS from 127.0.0.1, who must be `localhost`. */
function document({ port, path, ca }: { readonly port: number; readonly path: string; readonly ca: Buffer }) {
  return new Promise<number | undefined>((resolve, reject) => {
    const options = { host: '127.0.0.1', servername: 'localhost', port, path, ca, agent: false, timeout: 20_000 };
    const request = get(options, (response) => resolve(response.resume().statusCode));
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`${path}: no answer`)));
  });
}

describe('a besieged port', () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-siege-'));
  const targets: Record<
    'xds' | 'xdsOverTls' | 'citadel' | 'mixer' | 'admin' | 'monitoring' | 'citadelWeb' | 'agentStatus',
    Target
  > = {
    xds: { port: 0, tls: false },
    xdsOverTls: { port: 0, tls: true },
    citadel: { port: 0, tls: true },
    mixer: { port: 0, tls: false },
    admin: { port: 0, tls: false },
    monitoring: { port: 0, tls: false },
    citadelWeb: { port: 0, tls: true },
    agentStatus: { port: 0, tls: false },
  };
  let sidecar: RunningPeriplus;
  let server: RunningPeriplus;
  let own: WorkloadSvid;

  beforeAll(async () => {
    const [xds = 0, citadel = 0, admin = 0, monitoring = 0, overTls = 0, mixer = 0, ...more] = await freePorts(9);
    const [web = 0, status = 0, envoyAdmin = 0] = more;
    targets.xds = { port: xds, tls: false, method: adsPath };
    targets.citadel = { port: citadel, tls: true, method: csrPath };
    targets.xdsOverTls = { port: overTls, tls: true, method: adsPath };
    targets.mixer = { port: mixer, tls: false, method: checkPath };
    targets.admin = { port: admin, tls: false };
    targets.monitoring = { port: monitoring, tls: false };
    targets.citadelWeb = { port: web, tls: true };
    targets.agentStatus = { port: status, tls: false };
    const ports = [
      '--xds-port',
      xds,
      '--citadel-port',
      citadel,
      '--admin-port',
      admin,
      '--metrics-port',
      monitoring,
      '--xds-mtls-port',
      overTls,
      '--mixer-port',
      mixer,
      '--citadel-web-port',
      web,
    ];
    const args = ['--roles', 'pilot,citadel,mixer', '--log', 'memory:', '--data', folder, '--log-level', 'error'];
    server = new RunningPeriplus(['serve', ...args, ...ports.map(String)]);
    await server.untilServing(`http://127.0.0.1:${admin}/readyz`);
    own = await svidOf('spiffe://cluster.local/ns/shop/sa/web');
    const agentPorts = [
      '--status-port',
      status,
      '--envoy-admin-port',
      envoyAdmin,
      '--ready-port',
      0,
      '--prometheus-port',
      0,
    ];
    const agent = ['--name', 'besieged', '--pilot', `127.0.0.1:${xds}`, '--data', join(folder, 'agent')];
    sidecar = new RunningPeriplus(['sidecar', ...agent, '--log-level', 'error', ...agentPorts.map(String)]);
    await sidecar.untilServing(`http://127.0.0.1:${status}/healthz/ready`);
  });
  afterAll(async () => {
    await sidecar?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  // Of the control plane and the agent together: one of them is besieged at a time.
  const processes = () => [server.process, sidecar.process];
  const residentMiB = () => sum(processes().map(({ pid }) => residentMiBOf(pid)));
  const descriptors = () => sum(processes().map(({ pid }) => readdirSync(`/proc/${pid}/fd`).length));

  /** Who behaves is served: each port does what it is for. */
  const served: Record<keyof typeof targets, () => Promise<boolean>> = {
    admin: () => healthy(targets.admin.port),
    monitoring: () => healthy(targets.monitoring.port),
    agentStatus: async () => {
      const url = `http://127.0.0.1:${targets.agentStatus.port}/healthz/ready`;
      return (await fetch(url, { signal: AbortSignal.timeout(20_000) })).status === 200;
    },
    citadelWeb: async () => {
      const ca = readFileSync(join(folder, 'citadel', 'root-cert.pem'));
      return (await document({ port: targets.citadelWeb.port, path: '/.well-known/openid-configuration', ca })) === 200;
    },
    xds: async () => {
      const client = new AdsClient(targets.xds.port, 'delta');
      try {
        client.delta({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
        return await Promise.race([client.next().then(() => true), client.status.then(() => false)]);
      } finally {
        client.close();
      }
    },
    xdsOverTls: async () => {
      const credentials = mutualTls({ roots: own.roots, serverId: controlPlane('pilot'), own });
      const client = new AdsClient(targets.xdsOverTls.port, 'delta', { id: nodeId, metadata: {}, credentials });
      try {
        client.delta({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
        return await Promise.race([client.next().then(() => true), client.status.then(() => false)]);
      } finally {
        client.close();
      }
    },
    mixer: async () => {
      const credentials = mutualTls({ roots: own.roots, serverId: controlPlane('mixer'), own });
      return (await refusal(targets.mixer, checkPath, credentials)) === 3;
    },
    citadel: async () => {
      const root = readFileSync(join(folder, 'citadel', 'root-cert.pem'));
      return (await refusal(targets.citadel, csrPath, credentials.createSsl(root))) === 3;
    },
  };
  /** Status of an empty message: who is served is told that it is none, 3, INVALID_ARGUMENT. */
  async function refusal({ port }: Target, path: string, security: ChannelCredentials): Promise<number | undefined> {
    const client = new Client(`localhost:${port}`, security, {
      'grpc.use_local_subchannel_pool': 1,
      ...(path === checkPath && mutualTlsChannel),
    });
    const same = (bytes: Buffer) => bytes;
    return await new Promise<number | undefined>((resolve) => {
      const deadline = Date.now() + 20_000;
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), { deadline }, (error) => resolve(error?.code));
    }).finally(() => client.close());
  }
  async function tokenFor(spiffeId: string): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${targets.admin.port}/api/v1/join-tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ spiffeId }),
    });
    return String(Object(await answer.json()).token);
  }
  async function svidOf(spiffeId: string): Promise<WorkloadSvid> {
    const file = join(folder, 'citadel', 'root-cert.pem');
    await waitFor(() => existsSync(file), { what: 'the trust bundle file' });
    const proof = { token: await tokenFor(spiffeId) };
    const address = `localhost:${targets.citadel.port}`;
    return await requestSvid({ address, roots: readFileSync(file, 'utf8'), citadelId: controlPlane('citadel'), proof });
  }
  async function healthy(port: number): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(20_000) });
    return answer.status === 200;
  }

  /** Runs `siege`, and while its crowd is there asks everywhere; memory is looked at all the time. */
  async function besieged(siege: () => Promise<Release | undefined>, meanwhile: () => Promise<void> = async () => {}) {
    const before = residentMiB();
    let most = before;
    const timer = setInterval(() => {
      if (processes().every(({ exitCode }) => exitCode === null)) most = Math.max(most, residentMiB());
    }, 50);
    let release: Release | undefined;
    try {
      release = await siege();
      for (const [name, ask] of Object.entries(served)) expect(await ask(), `${name} serves`).toBe(true);
      await meanwhile();
    } finally {
      clearInterval(timer);
      release?.();
    }
    for (const { process, output } of [server, sidecar]) expect(process.exitCode, output).toBeNull();
    expect(most - before).toBeLessThan(mayGrowByMiB);
  }

  const names = Object.keys(targets) as (keyof typeof targets)[];
  /** Ports that are besieged at once. */
  const groups = [names.filter((name) => !targets[name].tls), names.filter((name) => targets[name].tls)].map(
    (group) => [group],
  );
  const together = async (group: typeof names, siege: (name: keyof typeof targets) => Promise<Release>) => {
    const crowds = await Promise.all(group.map(siege));
    return () => {
      for (const release of crowds) release();
    };
  };
  const strangersAt = (name: keyof typeof targets) =>
    (name === 'citadel' ? csrConnectionLimits : defaultConnectionLimits).maxUnproven;

  it.each(names)('%s: holds a bounded number of silent connections, and not for long', async (name) => {
    const before = descriptors();
    await besieged(
      () => silence(targets[name], strangersAt(name) + 1_000),
      async () => {
        expect(descriptors() - before).toBeLessThan(strangersAt(name) + 100);
        await waitFor(() => descriptors() - before < 100, {
          what: 'the silent ones to be closed',
          limitMs: defaultConnectionLimits.firstByteMs + 20_000,
        });
      },
    );
  });

  it.each(['xds', 'citadel'] as const)('%s: serves others while thousands have begun and say no more', async (name) => {
    await besieged(() => whisper(targets[name], 3_000));
  });

  it('xds: serves a mesh of 2,000 proxies that connect in one instant, none of them twice', async () => {
    await besieged(async () => {
      const clients = Array.from(
        { length: 2_000 },
        (_, i) => new AdsClient(targets.xds.port, 'delta', { id: nodeId.replace('web-0', `web-${i}`), metadata: {} }),
      );
      const first = clients.map(async (client) => {
        client.delta({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
        return await Promise.race([client.next().then(() => 'served'), client.status.then(() => 'closed')]);
      });
      const ends = await Promise.all(first);
      for (const client of clients) client.close();
      expect(ends.filter((end) => end !== 'served')).toEqual([]);
      return undefined;
    });
  });

  it('HTTP ports cut off who dribbles', async () => {
    const before = descriptors();
    const dribbled = ['admin', 'monitoring', 'agentStatus'] as const;
    await besieged(
      () => together([...dribbled], (name) => dribble(targets[name], 500)),
      async () => {
        await waitFor(() => descriptors() - before < 100, {
          what: 'those who dribble to be cut off',
          limitMs: httpLimits.headersTimeoutMs + 20_000,
        });
      },
    );
  });

  it.each(groups)('survive garbage: %j', async (group) => {
    await besieged(() =>
      together(group, async (name) => {
        await shout(targets[name], 170, garbage);
        await shout({ ...targets[name], tls: false }, 85, garbage);
        return () => {};
      }),
    );
  });

  it.each(['xds', 'citadel', 'mixer'] as const)(
    '%s: serves others while thousands of calls are half open',
    async (name) => {
      await besieged(() => halfOpenCalls(targets[name], { sessions: 150, streams: 100 }));
    },
  );

  it.each(['xds', 'xdsOverTls', 'citadel', 'mixer'] as const)(
    '%s: holds a bounded part of messages that never end',
    async (name) => {
      await besieged(() => halfOpenCalls(targets[name], { sessions: 60, streams: 16, bytes: 3 * 1024 * 1024 }));
    },
  );

  it('citadel: gives hundreds of workloads that ask at once their certificates, each the first time', async () => {
    const tokens: string[] = [];
    for (let i = 0; i < 300; i++) tokens.push(await tokenFor(`spiffe://cluster.local/ns/crowd/sa/web-${i}`));
    const crowd = await crowdOf(tokens);
    const roots = readFileSync(join(folder, 'citadel', 'root-cert.pem'), 'utf8');
    await besieged(async () => {
      const { port } = targets.citadel;
      const { served, failures } = await askAtOnce(crowd, { port, roots, limitMs: 120_000 });
      expect([served, failures]).toEqual([300, []]);
      return undefined;
    });
  });

  it.each(['xds', 'citadel'] as const)('%s: does not unpack what is too large, and bears resets', async (name) => {
    await besieged(async () => {
      for (let i = 0; i < 10; i++) expect(['8', 'closed']).toContain(await unpackingMessage(targets[name], 200));
      await resetCalls(targets[name], 20_000);
      return undefined;
    });
  });
});
