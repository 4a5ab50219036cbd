// Real Consul agents for tests: start one, register services and checks, kill it, start it again without its memory.
import { type ChildProcess, spawn } from 'node:child_process';
import { guardChild } from '../../agent/watchdog.ts';
import { findConsul } from './consul-install.ts';
import { freePorts } from './free-port.ts';
import { waitFor } from './wait-for.ts';

/** How an agent may be set up otherwise. */
export interface TestConsulOptions {
  readonly datacenter?: string;
  /** PEM files: it listens for HTTPS, too. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Denies everything without a token; this one may do everything. */
  readonly managementToken?: string;
}

/** One development agent: a server that keeps everything in memory. */
export class TestConsul {
  readonly port: number;
  readonly #path: string;
  readonly #options: TestConsulOptions;
  readonly #ports: readonly number[];
  #process: ChildProcess | undefined;
  #output = '';

  private constructor(path: string, ports: readonly number[], options: TestConsulOptions) {
    this.#path = path;
    this.#ports = ports;
    this.#options = options;
    this.port = ports[0] ?? 0;
  }

  /** Starts an agent, or gives why none can be had. */
  static async start(options: TestConsulOptions = {}): Promise<TestConsul | { readonly why: string }> {
    const found = await findConsul();
    if ('why' in found) return found;
    const agent = new TestConsul(found.path, await freePorts(5), options);
    await agent.restart();
    return agent;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** With `tls`. */
  get httpsUrl(): string {
    return `https://127.0.0.1:${this.#ports[4]}`;
  }

  /** Joins the datacenters of the two: each answers for the other. Resolves when this one knows the other's. */
  async joinDatacenter(other: TestConsul): Promise<void> {
    await this.call('PUT', `/v1/agent/join/127.0.0.1:${other.#ports[3]}?wan=1`);
    const know = async () => ((await this.call('GET', '/v1/catalog/datacenters')) as readonly string[]).length === 2;
    await waitFor(know, { what: 'two datacenters' });
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** Stops (`SIGSTOP`) or continues it: connections stay open and nothing answers. */
  freeze(frozen: boolean): void {
    this.#process?.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Starts it with nothing in its memory; resolves when it has a leader. */
  async restart(): Promise<void> {
    await this.kill();
    const [http, server, serfLan, serfWan, https] = this.#ports;
    const { datacenter = 'dc1', managementToken, tls } = this.#options;
    const acl = {
      acl: { enabled: true, default_policy: 'deny', tokens: { initial_management: managementToken } },
    };
    const settings = {
      ports: {
        ...{ http, https: tls ? https : -1, server, serf_lan: serfLan, serf_wan: serfWan },
        ...{ dns: -1, grpc: -1, grpc_tls: -1 },
      },
      datacenter,
      ...(tls && { tls: { https: { cert_file: tls.certFile, key_file: tls.keyFile } } }),
      ...(managementToken && acl),
    };
    const hcl = ['-hcl', JSON.stringify(settings)];
    const child = spawn(this.#path, ['agent', '-dev', '-bind', '127.0.0.1', '-node', 'node-1', ...hcl], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    guardChild(child);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`consul ended with ${child.exitCode}: ${this.#output}`);
        const nodes = await this.call('GET', '/v1/catalog/nodes').catch(() => undefined);
        return Array.isArray(nodes) && nodes.length > 0;
      },
      { what: () => `consul to answer: ${this.#output}` },
    );
  }

  /** One request of its HTTP API with the management token; rejects when it is refused. */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const { managementToken } = this.#options;
    const response = await fetch(this.url + path, {
      method,
      headers: managementToken ? { 'x-consul-token': managementToken } : {},
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Registers an instance with the agent; with a TTL check of id `ID-check` when it is to have one. */
  async register(service: Readonly<Record<string, unknown>> & { readonly ID: string }, check?: string): Promise<void> {
    const Check = check && { CheckID: `${service.ID}-check`, TTL: '1h', Status: check };
    await this.call('PUT', '/v1/agent/service/register', { ...service, ...(Check && { Check }) });
  }

  async deregister(id: string): Promise<void> {
    await this.call('PUT', `/v1/agent/service/deregister/${id}`);
  }

  /** Sets the state of the instance's TTL check: `pass`, `warn` or `fail`. */
  async flip(id: string, to: 'pass' | 'warn' | 'fail'): Promise<void> {
    await this.call('PUT', `/v1/agent/check/${to}/${id}-check`);
  }
}
