// The mesh that traffic cases run on: Pilot and its admin API in this process, a real sidecar and gateway Envoy, echo servers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentOptions } from '../../agent/agent-options.ts';
import { bootstrapOf } from '../../agent/bootstrap.ts';
import type { ProxyIdentity } from '../../agent/proxy-node.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';
import type { CaseMesh, InstanceName, Ports, TrafficCase } from './case.ts';
import { startCaseAgent } from './case-agent.ts';
import { makeCertificates, type TestCertificates } from './certificates.ts';
import { type Call, send, sendHttp2 } from './client.ts';
import { ConfigSession } from './config-session.ts';
import type { EchoServer, Journal } from './echo-server.ts';
import { gatewayIdentity, meshFacts, portsOf, sidecarIdentity, startControlPlane, startServers } from './mesh-parts.ts';
import { gateway, gatewaySelector, type Manifest } from './resources.ts';

/**
 * Starts everything and waits until both proxies hold their first configuration. `drainSeconds`: how long what is replaced goes on
 * serving; 0 by default, so that a case never meets the listeners of the one before.
 */
export async function startTrafficMesh({ drainSeconds = 0 } = {}): Promise<TrafficMesh> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-traffic-'));
  const certificates = await makeCertificates(folder);
  const journal: Journal = new Map();
  const servers = await startServers(journal, certificates);
  const numbers = await freePorts(16);
  const ports = portsOf(numbers);
  const controlPlane = await startControlPlane(meshFacts(servers, ports), {
    credentials: certificates.files.credentials,
    ...(drainSeconds > 0 && { gatewayDrainMs: drainSeconds * 1000 + 2_000 }),
  });
  const envoys = await Promise.all(
    [sidecarIdentity, gatewayIdentity].map((identity) =>
      startProxy(identity, controlPlane.pilot.xdsPort, { drainSeconds, folder }),
    ),
  );
  const [sidecar, router] = envoys;
  if (!sidecar || !router) throw new Error('two proxies were started');
  const mesh = new TrafficMesh({ folder, certificates, journal, servers, ports, controlPlane, sidecar, router });
  await waitFor(() => [...controlPlane.pilot.streams].length === 2, { what: 'both proxies to connect', everyMs: 5 });
  await mesh.apply(baseGateway(ports));
  return mesh;
}

/** A proxy with the bootstrap that the agent writes. */
export function startProxy(
  identity: ProxyIdentity,
  xdsPort: number,
  /** `folder`: its working folder. */
  { drainSeconds = 0, folder }: { readonly drainSeconds?: number; readonly folder?: string } = {},
): Promise<TestEnvoy> {
  const bootstrap = bootstrapOf({
    identity,
    pilotAddresses: [`127.0.0.1:${xdsPort}`],
    admin: { address: '127.0.0.1', port: 0 },
    agentStatus: { address: '127.0.0.1', port: 1 },
    drainSeconds: Math.max(1, drainSeconds),
    concurrency: 1,
  });
  const place = {
    ...(folder === undefined ? {} : { cwd: folder }),
    env: { OTEL_RESOURCE_ATTRIBUTES: 'test.of=traffic' },
  };
  return startEnvoy(bootstrap, ['--drain-time-s', String(drainSeconds), '--drain-strategy', 'immediate'], place);
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

/** An address that no instance has; resources name it. */
export const silentAddress = '127.66.0.98';

/** See the file's first line. */
export class TrafficMesh implements CaseMesh {
  readonly certificates: TestCertificates;
  readonly servers: Readonly<Record<InstanceName, EchoServer>>;
  readonly ports: Ports;
  readonly silentAddress = silentAddress;
  readonly #parts: Parts;
  readonly #session: ConfigSession;
  #keys = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.certificates = parts.certificates;
    this.servers = parts.servers;
    this.ports = parts.ports;
    const { controlPlane, ports } = parts;
    const adminUrls = [parts.sidecar, parts.router].map(({ adminPort }) => `http://127.0.0.1:${adminPort}`);
    this.#session = new ConfigSession({ controlPlane, adminUrls, kept: [baseGateway(ports)] });
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
    await this.#session.run(one.resources?.(this) ?? [], () => one.run(this, one.later?.(this) ?? []));
  }

  /** What proxies refuse at the moment. */
  rejections(): string[] {
    return this.#session.rejections();
  }

  apply(...resources: readonly Manifest[]): Promise<void> {
    return this.#session.apply(...resources);
  }

  remove(...resources: readonly Manifest[]): Promise<void> {
    return this.#session.remove(...resources);
  }

  get(path: string, call: Partial<Call> = {}) {
    return send(path, { port: this.ports.http, ...call });
  }

  getHttp2(path: string, call: Partial<Call> = {}) {
    return sendHttp2(path, { port: this.ports.http, ...call });
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

  async join(identity: ProxyIdentity) {
    const { pilot } = this.#parts.controlPlane;
    const count = () => [...pilot.streams].length;
    const before = count();
    const envoy = await startProxy(identity, this.xdsPort);
    await waitFor(() => count() > before, { what: `${identity.name} to connect`, everyMs: 5 });
    const stop = async () => {
      await envoy.stop();
      await waitFor(() => count() <= before, { what: `${identity.name} to be gone`, everyMs: 5 });
    };
    return { stop };
  }

  async joinAgent(identity: ProxyIdentity, more: Partial<AgentOptions> = {}) {
    return await startCaseAgent(identity, { pilot: this.#parts.controlPlane.pilot, more });
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
}

function baseGateway(ports: Ports): Manifest {
  return gateway('base', {
    selector: gatewaySelector,
    servers: [{ port: { number: ports.gateway, name: 'http', protocol: 'HTTP' }, bind: '127.0.0.1', hosts: ['*'] }],
  });
}
