// The mesh that traffic cases run on: Pilot and its admin API in this process, a real sidecar and gateway Envoy, echo servers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrapOf } from '../../agent/bootstrap.ts';
import type { ProxyIdentity } from '../../agent/proxy-node.ts';
import { progressOfStreams } from '../../services/pilot/admin/stream-progress.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';
import type { CaseMesh, InstanceName, Ports, TrafficCase } from './case.ts';
import { makeCertificates, type TestCertificates } from './certificates.ts';
import { type Call, send } from './client.ts';
import type { EchoServer, Journal } from './echo-server.ts';
import { gatewayIdentity, meshFacts, portsOf, sidecarIdentity, startControlPlane, startServers } from './mesh-parts.ts';
import { gateway, gatewaySelector, type Manifest } from './resources.ts';

/** Starts everything and waits until both proxies hold their first configuration. */
export async function startTrafficMesh(): Promise<TrafficMesh> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-traffic-'));
  const certificates = await makeCertificates(folder);
  const journal: Journal = new Map();
  const servers = await startServers(journal, certificates);
  const numbers = await freePorts(16);
  const ports = portsOf(numbers);
  const controlPlane = await startControlPlane(meshFacts(servers, ports), certificates.files.credentials);
  const envoys = await Promise.all(
    [sidecarIdentity, gatewayIdentity].map((identity) => startProxy(identity, controlPlane.pilot.xdsPort)),
  );
  const [sidecar, router] = envoys;
  if (!sidecar || !router) throw new Error('two proxies were started');
  const mesh = new TrafficMesh({ folder, certificates, journal, servers, ports, controlPlane, sidecar, router });
  await waitFor(() => [...controlPlane.pilot.streams].length === 2, { what: 'both proxies to connect', everyMs: 5 });
  await mesh.apply(baseGateway(ports));
  return mesh;
}

/** A proxy with the bootstrap that the agent writes. */
export function startProxy(identity: ProxyIdentity, xdsPort: number): Promise<TestEnvoy> {
  const bootstrap = bootstrapOf({
    identity,
    pilotAddresses: [`127.0.0.1:${xdsPort}`],
    admin: { address: '127.0.0.1', port: 0 },
    agentStatus: { address: '127.0.0.1', port: 1 },
    drainSeconds: 1,
    concurrency: 1,
  });
  // What is replaced or removed is gone at once: a case never meets the listeners of the one before.
  return startEnvoy(bootstrap, ['--drain-time-s', '0', '--drain-strategy', 'immediate']);
}

interface Parts {
  readonly folder: string;
  readonly certificates: TestCertificates;
  readonly journal: Journal;
  readonly servers: Readonly<Record<InstanceName, EchoServer>>;
  readonly ports: Ports;
  readonly controlPlane: Awaited<ReturnType<typeof startControlPlane>>;
  readonly sidecar: TestEnvoy;
  readonly router: TestEnvoy;
}

/** See the file's first line. */
export class TrafficMesh implements CaseMesh {
  readonly certificates: TestCertificates;
  readonly servers: Readonly<Record<InstanceName, EchoServer>>;
  readonly ports: Ports;
  readonly #parts: Parts;
  readonly #applied = new Map<string, Manifest>();
  #keys = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.certificates = parts.certificates;
    this.servers = parts.servers;
    this.ports = parts.ports;
  }

  get instances() {
    return this.servers;
  }
  get files() {
    return this.certificates.files;
  }
  get admin() {
    return { sidecar: this.#parts.sidecar.adminPort, gateway: this.#parts.router.adminPort };
  }

  /** Port of xDS, for further proxies. */
  get xdsPort(): number {
    return this.#parts.controlPlane.pilot.xdsPort;
  }

  /** Runs one case and removes what it applied, whatever came of it. What a proxy rejected fails it. */
  async runCase(one: TrafficCase): Promise<void> {
    const resources = one.resources?.(this) ?? [];
    try {
      if (resources.length > 0) await this.apply(...resources);
      await one.run(this, one.later?.(this) ?? []);
    } catch (error) {
      const rejections = this.rejections();
      if (rejections.length > 0) throw new Error(`a proxy rejected: ${rejections.join('; ')}`, { cause: error });
      throw error;
    } finally {
      this.#applied.delete(keyOf(baseGateway(this.ports)));
      await this.remove(...this.#applied.values());
    }
    const rejections = this.rejections();
    if (rejections.length > 0) throw new Error(`a proxy rejected: ${rejections.join('; ')}`);
  }

  /** What proxies refuse at the moment. */
  rejections(): string[] {
    const { deliveries } = this.#parts.controlPlane;
    return [...deliveries.state().proxies.values()].flatMap(({ types }) =>
      [...types].flatMap(([type, { rejected }]) => (rejected ? [`${type}: ${rejected.message}`] : [])),
    );
  }

  async apply(...resources: readonly Manifest[]): Promise<void> {
    const position = await this.#change('apply', { resources });
    for (const resource of resources) this.#applied.set(keyOf(resource), resource);
    await this.#acknowledged(position);
  }

  async remove(...resources: readonly Manifest[]): Promise<void> {
    if (resources.length === 0) return;
    const keys = resources.map(({ kind, metadata: { namespace, name } }) => ({
      kind: kind === 'ConfigMap' ? 'MeshConfig' : kind,
      namespace,
      name,
    }));
    const position = await this.#change('delete', { resources: keys });
    for (const resource of resources) this.#applied.delete(keyOf(resource));
    await this.#acknowledged(position);
  }

  get(path: string, call: Partial<Call> = {}) {
    return send(path, { port: this.ports.http, ...call });
  }

  ingress(path: string, call: Partial<Call> = {}) {
    return send(path, { port: this.ports.gateway, host: 'web.example.com', ...call });
  }

  async tally(count: number, path: string, call: Partial<Call> = {}) {
    const counted: Record<string, number> = {};
    for (let done = 0; done < count; done += 20) {
      const size = Math.min(20, count - done);
      for (const answer of await Promise.all(Array.from({ length: size }, () => this.get(path, call)))) {
        const name = answer.body.startsWith('{"instance"') ? answer.echo.instance : String(answer.status);
        counted[name] = (counted[name] ?? 0) + 1;
      }
    }
    return counted;
  }

  seen(key: string) {
    return this.#parts.journal.get(key) ?? [];
  }

  newKey(): string {
    return `key-${++this.#keys}`;
  }

  async stop(): Promise<void> {
    const { sidecar, router, controlPlane, servers, folder } = this.#parts;
    await Promise.all([sidecar.stop(), router.stop()]);
    await controlPlane.stop();
    await Promise.all(Object.values(servers).map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }

  async #change(verb: 'apply' | 'delete', body: object): Promise<number> {
    const { app } = this.#parts.controlPlane;
    const response = await app.inject({ method: 'POST', url: `/api/v1/${verb}`, payload: body });
    if (response.statusCode !== 200) throw new Error(`${verb}: ${response.statusCode} ${response.body}`);
    return (response.json() as { position: number }).position;
  }

  /** Every stream has been given the position and has answered, and nothing warms in any proxy. */
  async #acknowledged(position: number): Promise<void> {
    const { pilot } = this.#parts.controlPlane;
    const isDone = () => {
      const streams = progressOfStreams(pilot.streams, pilot);
      const isAt = (pilot.snapshots.value?.position ?? 0) >= position;
      return isAt && streams.every((stream) => stream.settled && stream.position >= position);
    };
    const { sidecar, gateway: router } = this.admin;
    const everyMs = 2;
    await waitFor(async () => isDone() && !(await isWarming(sidecar)) && !(await isWarming(router)) && isDone(), {
      what: () => `position ${position} to be acknowledged; rejected: ${this.rejections().join('; ') || 'nothing'}`,
      everyMs,
      limitMs: 5_000,
    });
  }
}

async function isWarming(adminPort: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/stats?filter=warming`);
  return (await response.text()).split('\n').some((line) => /warming: [1-9]/.test(line));
}

function keyOf({ kind, metadata: { namespace, name } }: Manifest): string {
  return `${kind}/${namespace}/${name}`;
}

function baseGateway(ports: Ports): Manifest {
  return gateway('base', {
    selector: gatewaySelector,
    servers: [{ port: { number: ports.gateway, name: 'http', protocol: 'HTTP' }, bind: '127.0.0.1', hosts: ['*'] }],
  });
}
