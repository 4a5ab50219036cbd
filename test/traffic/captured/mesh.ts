// The mesh of captured cases: an application and its Envoy in a network namespace of their own, everything else on this machine.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bootstrapOf } from '../../../agent/bootstrap.ts';
import type { ProxyIdentity } from '../../../agent/proxy-node.ts';
import { guardChild } from '../../../agent/watchdog.ts';
import { endpointRegistered, httpService, serviceRegistered } from '../../../mesh/snapshot-fixture.ts';
import { startEnvoy, type TestEnvoy } from '../../support/envoy.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { TrafficCase } from '../case.ts';
import { makeCertificates } from '../certificates.ts';
import { ConfigSession } from '../config-session.ts';
import { type EchoServer, startEchoServer } from '../echo-server.ts';
import { startControlPlane } from '../mesh-parts.ts';
import type { Manifest } from '../resources.ts';
import type { Errand, Outcome } from './app.ts';
import { type CapturedNamespace, proxyGroup } from './namespace.ts';

/** A case whose application does not know that there is a proxy. */
export interface CapturedCase extends Pick<TrafficCase, 'name' | 'proves'> {
  readonly resources?: (place: CapturedPlace) => readonly Manifest[];
  readonly later?: (place: CapturedPlace) => readonly Manifest[];
  readonly run: (mesh: CapturedMesh, later: readonly Manifest[]) => Promise<void>;
}

/** Addresses and ports that resources name. */
export interface CapturedPlace {
  /** First three numbers of the network. */
  readonly prefix: string;
  /** Instances on this machine at `.11` (a), `.12` (b), `.13` (outside every registry). */
  readonly servers: Readonly<Record<'a' | 'b' | 'outside', Pick<EchoServer, 'address' | 'port' | 'tlsPort'>>>;
  /** The application in the namespace. */
  readonly app: { readonly port: number; readonly tlsPort: number };
}

/** Virtual addresses of services: nobody has them, only the proxy knows where they lead. */
export const vips = { web: '10.96.7.1', db: '10.96.7.2', cache: '10.96.7.3' } as const;

/** See the file's first line. */
export class CapturedMesh implements CapturedPlace {
  readonly prefix: string;
  readonly servers: Readonly<Record<'a' | 'b' | 'outside', EchoServer>>;
  readonly app: { readonly port: number; readonly tlsPort: number };
  readonly #parts: Parts;
  readonly #session: ConfigSession;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #errands = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.prefix = parts.namespace.prefix;
    this.servers = parts.servers;
    this.app = parts.app;
    const adminUrls = [`http://${this.prefix}.2:15000`];
    this.#session = new ConfigSession({ controlPlane: parts.controlPlane, adminUrls });
    parts.lines.on('line', (line) => {
      const outcome = JSON.parse(line) as Outcome;
      this.#waiting.get(outcome.id)?.(outcome);
    });
  }

  async runCase(one: CapturedCase): Promise<void> {
    await this.#session.run(one.resources?.(this) ?? [], () => one.run(this, one.later?.(this) ?? []));
  }

  apply(...resources: readonly Manifest[]): Promise<void> {
    return this.#session.apply(...resources);
  }

  /** The application sends. Listeners are changed a moment after they are acknowledged, so callers wait for what they expect. */
  sends(errand: Omit<Errand, 'id'>): Promise<Outcome> {
    const id = ++this.#errands;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#parts.process.stdin?.write(`${JSON.stringify({ ...errand, id })}\n`);
    });
  }

  /** The application sends until `is` holds of what comes of it; then once more, which must be the same. */
  async sees(errand: Omit<Errand, 'id'>, is: (outcome: Outcome) => boolean): Promise<Outcome> {
    let last: Outcome | undefined;
    await waitFor(async () => is((last = await this.sends(errand))), {
      what: () => `what the application sees; last: ${JSON.stringify(last)}`,
      everyMs: 20,
    });
    const again = await this.sends(errand);
    if (!is(again)) throw new Error(`seen once, then not: ${JSON.stringify(again)}`);
    return again;
  }

  /** The namespace hears nothing more of an instance until the answer is called: not even that it is there. */
  deafTo({ address, port }: Pick<EchoServer, 'address' | 'port'>): () => void {
    return this.#parts.namespace.deafTo(address, port);
  }

  /** A counter or gauge of the proxy. */
  async stat(name: string): Promise<number> {
    const response = await fetch(`http://${this.prefix}.2:15000/stats?filter=^${name.replaceAll('|', '%7C')}$`);
    return Number(/: (\d+)/.exec(await response.text())?.[1] ?? 0);
  }

  async stop(): Promise<void> {
    const { envoy, process: app, controlPlane, namespace, folder } = this.#parts;
    await envoy.stop();
    app.stdin?.end();
    app.kill('SIGKILL');
    await controlPlane.stop();
    await Promise.all(Object.values(this.servers).map((server) => server.stop()));
    namespace.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Parts {
  readonly namespace: CapturedNamespace;
  readonly folder: string;
  readonly servers: Readonly<Record<'a' | 'b' | 'outside', EchoServer>>;
  readonly process: ChildProcess;
  readonly lines: ReturnType<typeof createInterface>;
  readonly app: { readonly port: number; readonly tlsPort: number };
  readonly controlPlane: Awaited<ReturnType<typeof startControlPlane>>;
  readonly envoy: TestEnvoy;
}

/** Starts everything in `namespace` and beside it. */
export async function startCapturedMesh(namespace: CapturedNamespace): Promise<CapturedMesh> {
  const { prefix, wrap } = namespace;
  const folder = mkdtempSync(join(tmpdir(), 'periplus-captured-'));
  const certificates = await makeCertificates(folder);
  const start = (name: string, address: string) =>
    startEchoServer({
      name,
      version: 'v1',
      address,
      journal: new Map(),
      certificate: certificates.server,
      ca: certificates.ca,
    });
  const [a, b, outside] = await Promise.all([
    start('a', `${prefix}.11`),
    start('b', `${prefix}.12`),
    start('outside', `${prefix}.13`),
  ]);
  const servers = { a, b, outside };
  const program = join(import.meta.dirname, 'app.ts');
  const [command, ...args] = [...wrap, process.execPath, program, folder];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  guardChild(child);
  const lines = createInterface({ input: child.stdout });
  const app = await new Promise<Parts['app']>((resolve, reject) => {
    lines.once('line', (line) => resolve(JSON.parse(line) as Parts['app']));
    child.once('exit', (code) => reject(new Error(`the application ended with ${code}`)));
  });
  const controlPlane = await startControlPlane(factsOf(servers, { prefix, app }), { host: `${prefix}.1` });
  const envoy = await startProxy(namespace, controlPlane.pilot.xdsPort);
  await waitFor(() => [...controlPlane.pilot.streams].length === 1, { what: 'the proxy to connect', everyMs: 5 });
  return new CapturedMesh({ namespace, folder, servers, process: child, lines, app, controlPlane, envoy });
}

function startProxy({ prefix, wrap }: CapturedNamespace, xdsPort: number): Promise<TestEnvoy> {
  const identity: ProxyIdentity = {
    addresses: [`${prefix}.2`],
    name: 'client',
    namespace: 'default',
    labels: { app: 'client' },
    interceptionMode: 'REDIRECT',
  };
  const bootstrap = bootstrapOf({
    identity,
    pilotAddresses: [`${prefix}.1:${xdsPort}`],
    admin: { address: `${prefix}.2`, port: 15000 },
    agentStatus: { address: '127.0.0.1', port: 1 },
    drainSeconds: 1,
    concurrency: 1,
  });
  const group = ['setpriv', '--regid', String(proxyGroup), '--clear-groups'];
  const flags = ['--drain-time-s', '0', '--drain-strategy', 'immediate'];
  return startEnvoy(bootstrap, flags, { wrap: [...wrap, ...group], adminHost: `${prefix}.2` });
}

function factsOf(servers: Parts['servers'], { prefix, app }: { readonly prefix: string; readonly app: Parts['app'] }) {
  const { a, b } = servers;
  const web = httpService('web', {
    addresses: [vips.web],
    ports: [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'auto', port: 8000, protocol: 'Unsupported' },
    ],
  });
  const bytes = (name: 'db' | 'cache') =>
    httpService(name, { addresses: [vips[name]], ports: [{ name: 'tcp', port: 3306, protocol: 'TCP' }] });
  const [db, cache] = [bytes('db'), bytes('cache')];
  const headless = httpService('peers', {
    addresses: [],
    headless: true,
    ports: [{ name: 'tcp', port: a.port, protocol: 'TCP' }],
  });
  const own = httpService('client', {
    addresses: [],
    ports: [{ name: 'http', port: 80, protocol: 'HTTP', targetPort: app.port }],
  });
  const at = (service: typeof web, name: string, address: string, port: number) =>
    endpointRegistered({
      id: `${service.name}-${name}`,
      hostname: service.hostname,
      namespace: service.namespace,
      platform: service.platform,
      address,
      ports: Object.fromEntries(service.ports.map((one) => [one.name, port])),
      labels: { app: service.name },
      health: 'healthy' as const,
    });
  return [
    ...[web, db, cache, headless, own].map(serviceRegistered),
    at(web, 'a', a.address, a.port),
    at(web, 'b', b.address, b.port),
    at(db, 'a', a.address, a.port),
    at(cache, 'b', b.address, b.port),
    at(headless, 'a', a.address, a.port),
    at(own, 'app', `${prefix}.2`, app.port),
  ];
}
