// The mesh of docker-compose.yml on a test's engine: its commands, its ports, what its proxies hold and have been sent.
import type { ComposeProgram } from './compose-programs.ts';
import type { Engine } from './docker.ts';
import { freePorts } from './free-port.ts';
import { periplusJson, root } from './periplus.ts';
import { mustRun, type ProgramResult, runProgram } from './run-program.ts';
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

/** Milliseconds. */
export const minutes = (count: number) => count * 60_000;

const allSynced = JSON.stringify(proxies.map((name) => [name, ['SYNCED', 'SYNCED', 'SYNCED', 'SYNCED']]));

/** One project of Compose. */
export class ComposeMesh {
  gateway = '';
  /** Pilot-1's admin API, from this machine. */
  server = '';
  prometheus = '';
  consul = '';
  readonly #engine: Engine;
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
    process.stderr.write('building the images of this checkout …\n');
    await this.compose(['build', 'pilot-1', 'gateway'], minutes(15));
  }

  /** Containers, networks and volumes. */
  async remove(): Promise<void> {
    const args = this.#args(['--profile', 'consul', 'down', '-v']);
    await runProgram(this.#program.command[0], args, { cwd: root, env: this.#env, limitMs: minutes(3) });
  }

  async compose(args: readonly string[], limitMs = minutes(3)): Promise<string> {
    return await mustRun(this.#program.command[0], this.#args(args), { cwd: root, env: this.#env, limitMs });
  }

  /** Runs a command in a service's container. */
  async exec(service: string, ...command: string[]): Promise<ProgramResult> {
    const args = this.#args(['exec', '-T', service, ...command]);
    return await runProgram(this.#program.command[0], args, { cwd: root, env: this.#env });
  }

  #args(args: readonly string[]): readonly string[] {
    return [...this.#program.command.slice(1), '-p', 'periplus-test', ...args];
  }

  /** `up`, which waits for the conditions between services, until the gateway serves; gives how long it took, in milliseconds. */
  async up(): Promise<number> {
    const startedMs = performance.now();
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
    const held = async () => (await connected()).map(({ name, types }) => [name, types.map(({ state }) => state)]);
    await waitFor(async () => JSON.stringify(await held()) === allSynced, {
      limitMs: 60_000,
      everyMs: 500,
      what: `every proxy to be in sync as ${pilot} sees it`,
    });
  }

  /** Envoys' streams that a Pilot has itself: the log would still count those of a Pilot that was killed. Agents use the other protocol. */
  async openStreams(pilot: string): Promise<number> {
    const text = await this.page(pilot, 'http://127.0.0.1:15014/metrics');
    return Number(/^pilot_xds\{protocol="delta"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** A page as the service itself sees it. */
  async page(service: string, url: string): Promise<string> {
    const script = `fetch('${url}').then((r) => r.text()).then(console.log)`;
    return (await this.exec(service, 'node', '-e', script)).stdout;
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
