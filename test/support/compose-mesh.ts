// The mesh of docker-compose.yml on a test's engine: its commands, its ports, what its proxies hold and have been sent.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ComposeProgram } from './compose-programs.ts';
import type { Engine } from './docker.ts';
import { freePorts } from './free-port.ts';
import { periplusJson, root } from './periplus.ts';
import { mustRun, type ProgramResult, runProgram } from './run-program.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { waitFor } from './wait-for.ts';

/** A proxy as `proxy-status` shows it. */
export interface ProxyStatus {
  readonly name: string;
  readonly connected: boolean;
  readonly types: readonly { readonly state: string }[];
}

/** All of them, in the order of `proxy-status`. */
export const proxies: readonly string[] = [
  'details-v1.default',
  'ingressgateway.istio-system',
  'productpage-v1.default',
  'ratings-v1.default',
  'reviews-v1.default',
  'reviews-v2.default',
  'reviews-v3.default',
];

/** Streams when every proxy is served: its Envoy's, and that on which its agent hears of new trust bundles. */
export const allStreams = 2 * proxies.length;

/** The services that run their Envoys. */
export const proxyServices: readonly string[] = proxies.map((proxy) => {
  const [name = ''] = proxy.split('.');
  return name === 'ingressgateway' ? 'gateway' : `${name}-sidecar`;
});

/** Compose's project. */
const project = 'periplus-test';

/** The log's disk, in MiB: some times what these tests write. */
const logDiskMebibytes = 128;

/** Milliseconds. */
export const minutes = (count: number) => count * 60_000;

/** Clusters, listeners, endpoints, routes; the agent's trust bundle is one more. */
const typesOfEnvoy = 4;

/** One project of Compose. */
export class ComposeMesh {
  gateway = '';
  /** Pilot-1's admin API, from this machine. */
  server = '';
  prometheus = '';
  consul = '';
  /** The disk of NATS alone, or why it has none: with an engine that is not ours nothing can be mounted. */
  logDisk: SmallDisk | { readonly why: string } = { why: 'the engine here is not of this test' };
  readonly #engine: Engine;
  /** Ids of containers by service. */
  readonly #containers = new Map<string, string>();
  #env: NodeJS.ProcessEnv = {};

  #program: ComposeProgram;

  constructor(engine: Engine) {
    const [program] = engine.composes.found;
    if (program === undefined) throw new Error('there is no Compose');
    this.#engine = engine;
    this.#program = program;
  }

  /** Goes on with the other generation of Compose, if there is one: call it while nothing is up. */
  switchCompose(): void {
    this.#program = this.#engine.composes.found.at(-1) ?? this.#program;
  }

  /** Free ports, nothing left of a run before, and images of this checkout. */
  async prepare(): Promise<void> {
    const [gateway = 0, admin = 0, prometheus = 0, consul = 0] = await freePorts(4);
    this.gateway = `http://127.0.0.1:${gateway}`;
    this.server = `http://127.0.0.1:${admin}`;
    this.prometheus = `http://127.0.0.1:${prometheus}`;
    this.consul = `http://127.0.0.1:${consul}`;
    this.#env = {
      ...this.#engine.env,
      PERIPLUS_GATEWAY_PORT: String(gateway),
      PERIPLUS_ADMIN_PORT: String(admin),
      PERIPLUS_PROMETHEUS_PORT: String(prometheus),
      PERIPLUS_CONSUL_PORT: String(consul),
    };
    await this.remove();
    if (this.#engine.restart !== undefined) this.logDisk = mountSmallDisk(logDiskMebibytes);
    process.stderr.write('building the images of this checkout …\n');
    await this.compose(['build', 'pilot-1', 'gateway'], minutes(15));
  }

  /** Containers, networks and volumes. */
  async remove(): Promise<void> {
    const args = this.#args(['--profile', 'consul', 'down', '-v']);
    await runProgram(this.#program.command[0], args, { cwd: root, env: this.#env, limitMs: minutes(3) });
    if ('folder' in this.logDisk) this.logDisk.dispose();
    this.logDisk = { why: 'it was removed' };
  }

  async compose(args: readonly string[], limitMs = minutes(3)): Promise<string> {
    return await mustRun(this.#program.command[0], this.#args(args), { cwd: root, env: this.#env, limitMs });
  }

  /** Runs a command in a service's container: by the engine itself, since docker-compose 1.29 takes a second of CPU to start. */
  async exec(service: string, ...command: string[]): Promise<ProgramResult> {
    return await runProgram('docker', ['exec', await this.#containerOf(service), ...command], { env: this.#env });
  }

  /** Its id; a container that is started again keeps it. */
  async #containerOf(service: string): Promise<string> {
    const known = this.#containers.get(service);
    if (known !== undefined) return known;
    const labels = { project, service, oneoff: 'False' };
    const filters = Object.entries(labels).flatMap(([name, value]) => [
      '--filter',
      `label=com.docker.compose.${name}=${value}`,
    ]);
    const id = (await mustRun('docker', ['ps', '-aq', ...filters], { env: this.#env })).trim();
    if (!/^\w+$/.test(id)) throw new Error(`containers of ${service}: "${id}"`);
    this.#containers.set(service, id);
    return id;
  }

  #args(args: readonly string[]): readonly string[] {
    const files = 'folder' in this.logDisk ? ['-f', 'docker-compose.yml', '-f', volumeOn(this.logDisk)] : [];
    return [...this.#program.command.slice(1), ...files, '-p', project, ...args];
  }

  /** `up`, which waits for the conditions between services, until the gateway serves; gives how long it took, in milliseconds. */
  async up(): Promise<number> {
    const startedMs = performance.now();
    this.#containers.clear();
    await this.compose(['up', '-d']);
    await waitFor(async () => (await this.versionOfReviews()) !== undefined, { what: 'reviews through the gateway' });
    return performance.now() - startedMs;
  }

  /** kill -9, then as it was before; resolves when the service is healthy again. */
  async kill(...services: readonly string[]): Promise<void> {
    await this.compose(['kill', '-s', 'SIGKILL', ...services]);
  }

  async start(...services: readonly string[]): Promise<void> {
    await this.compose(['start', ...services]);
    for (const service of services) {
      const healthy =
        service === 'nats'
          ? ['wget', '-q', '-O', '/dev/null', 'http://127.0.0.1:8222/healthz']
          : ['answers', '15015', '/readyz'];
      await waitFor(async () => (await this.exec(service, ...healthy)).code === 0, {
        limitMs: 60_000,
        everyMs: 500,
        what: `${service} to be ready again`,
      });
    }
  }

  async versionOfReviews(): Promise<string | undefined> {
    const response = await fetch(`${this.gateway}/api/v1/products/0/reviews`).catch(() => undefined);
    if (response?.status !== 200) return undefined;
    return ((await response.json()) as { version?: string }).version;
  }

  async untilSynced(pilot: string): Promise<void> {
    const status = async (): Promise<readonly ProxyStatus[]> => {
      const { code, stdout, output } = await this.exec(pilot, 'periplus', 'proxy-status', '-o', 'json');
      if (code !== 0) throw new Error(output);
      return JSON.parse(stdout) as readonly ProxyStatus[];
    };
    const connected = async () => (await status()).filter((proxy) => proxy.connected);
    let seen: readonly ProxyStatus[] = [];
    const allSynced = async () => {
      seen = await connected();
      const all = seen.every(
        ({ types }) => types.length >= typesOfEnvoy && types.every(({ state }) => state === 'SYNCED'),
      );
      return all && seen.map(({ name }) => name).join() === proxies.join();
    };
    await waitFor(allSynced, {
      limitMs: 60_000,
      everyMs: 500,
      what: () => `every proxy to be in sync as ${pilot} sees it: ${JSON.stringify(seen)}`,
    });
  }

  /** Streams that a Pilot has itself: the log would still count those of a Pilot that was killed. */
  async openStreams(pilot: string): Promise<number> {
    const text = await this.page(pilot, 'http://127.0.0.1:15014/metrics');
    return Number(/^pilot_xds\{protocol="delta"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** A page as the service itself sees it. */
  async page(service: string, url: string): Promise<string> {
    const script = `fetch('${url}').then((r) => r.text()).then(console.log)`;
    return (await this.exec(service, 'node', '-e', script)).stdout;
  }

  /** Lines of all Envoys' access logs since `since`, each with its proxy; there have to be access logs (a Telemetry). */
  async accessLogs(since: Date): Promise<readonly string[]> {
    const of = async (service: string) => {
      const id = await this.#containerOf(service);
      const { output } = await runProgram('docker', ['logs', '--since', since.toISOString(), id], { env: this.#env });
      const lines = output.split('\n').filter((line) => /^\[[^\]]+\] "/.test(line));
      return lines.map((line) => `${service} ${line}`);
    };
    return (await Promise.all(proxyServices.map(of))).flat();
  }

  async headOfLog(): Promise<number> {
    const events = await periplusJson<readonly { position: number }[]>(
      'events',
      '--limit',
      '1',
      '--server',
      this.server,
    );
    return events.at(-1)?.position ?? 0;
  }
}

/** Has the volume `log` on a disk; the folder beside it holds the file that says so. */
function volumeOn({ folder }: SmallDisk): string {
  const file = join(folder, '..', 'log-disk.yml');
  writeFileSync(
    file,
    `volumes:\n  log: { driver: local, driver_opts: { type: none, o: bind, device: ${JSON.stringify(folder)} } }\n`,
  );
  return file;
}
