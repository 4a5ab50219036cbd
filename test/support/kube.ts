// A real kube-apiserver on a real etcd for tests: start, restart on the same or an empty store, compact, and write objects as an administrator.
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardChild } from '../../agent/watchdog.ts';
import { freePorts } from './free-port.ts';
import { findKube, type KubeBinaries } from './kube-install.ts';
import { waitFor } from './wait-for.ts';

/** An answer of the API server. */
export interface KubeAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const adminToken = 'admin-token';
/** Token of the service account that deploy/kubernetes/rbac.yaml makes. */
export const adapterToken = 'adapter-token';

const tokens = `${adminToken},admin,admin,system:masters
${adapterToken},system:serviceaccount:periplus-system:periplus,adapter,"system:serviceaccounts,system:authenticated"
`;

/** One cluster: API server and store, without controllers, so that what a test writes is all there is. */
export class TestKube {
  readonly #binaries: KubeBinaries;
  readonly #folder: string;
  readonly #ports: { readonly etcd: number; readonly peer: number; readonly api: number };
  #etcd: ChildProcess | undefined;
  #apiserver: ChildProcess | undefined;
  #output = '';
  #store = 0;
  #kubeconfigs = 0;
  #agent: Agent | undefined;

  private constructor(binaries: KubeBinaries, ports: readonly number[]) {
    const [etcd = 0, peer = 0, api = 0] = ports;
    this.#binaries = binaries;
    this.#ports = { etcd, peer, api };
    this.#folder = mkdtempSync(join(tmpdir(), 'periplus-kube-'));
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(this.path('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(this.path('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(this.path('tokens.csv'), tokens, { mode: 0o600 });
  }

  /** Starts one, or gives why none can be had. */
  static async start(): Promise<TestKube | { readonly why: string }> {
    const found = findKube();
    if ('why' in found) return found;
    const kube = new TestKube(found, await freePorts(3));
    await kube.startEtcd();
    await kube.startApiserver();
    return kube;
  }

  get port(): number {
    return this.#ports.api;
  }

  /** Process of the API server. */
  get pid(): number | undefined {
    return this.#apiserver?.pid;
  }

  /** Certificate of the API server, which is its own authority. PEM. */
  get authority(): string {
    return readFileSync(this.path('certs/apiserver.crt'), 'utf8');
  }

  /** Writes a kubeconfig that reaches the API server by way of `port` with `token`. Gives its path. */
  kubeconfig(port: number = this.port, token: string = adapterToken): string {
    return this.kubeconfigAs({ token }, `https://127.0.0.1:${port}`);
  }

  /** The same for any user, such as one with a program. */
  kubeconfigAs(user: object, server: string): string {
    const path = this.path(`kubeconfig-${++this.#kubeconfigs}`);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      clusters: [
        {
          name: 'test',
          cluster: {
            server,
            ...(server.startsWith('https:') && { 'certificate-authority': this.path('certs/apiserver.crt') }),
          },
        },
      ],
      users: [{ name: 'test', user }],
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  /** One request, as an administrator unless another token is given. */
  async ask(method: string, path: string, body?: unknown, token: string = adminToken): Promise<KubeAnswer> {
    this.#agent ??= new Agent({ keepAlive: true, ca: readFileSync(this.path('certs/apiserver.crt')) });
    const agent = this.#agent;
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      };
      const sent = request(
        { host: '127.0.0.1', port: this.port, method, path, agent, headers, timeout: 30_000 },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
          response.on('error', reject).on('end', () => {
            const status = response.statusCode ?? 0;
            resolve({ status, body: bodyOf(text) });
          });
        },
      );
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** A request that must be granted; 404 is, for DELETE. */
  async must(method: string, path: string, body?: unknown): Promise<KubeAnswer['body']> {
    const answer = await this.ask(method, path, body);
    const isFine = answer.status < 300 || (method === 'DELETE' && answer.status === 404);
    if (!isFine) throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async startEtcd(): Promise<void> {
    const client = `http://127.0.0.1:${this.#ports.etcd}`;
    const peer = `http://127.0.0.1:${this.#ports.peer}`;
    this.#etcd = this.#spawn(this.#binaries.etcd, [
      ...['--name', 'test', '--data-dir', this.path(`etcd-${this.#store}`), '--log-level', 'error'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `test=${peer}`],
      '--unsafe-no-fsync',
    ]);
    await this.#until('etcd', async () => (await fetch(`${client}/health`).catch(() => undefined))?.status === 200);
  }

  async startApiserver(): Promise<void> {
    this.#apiserver = this.#spawn(this.#binaries.apiserver, [
      `--etcd-servers=http://127.0.0.1:${this.#ports.etcd}`,
      `--secure-port=${this.port}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${this.path('certs')}`,
      `--token-auth-file=${this.path('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${this.path('sa.pub')}`,
      `--service-account-signing-key-file=${this.path('sa.key')}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      // Without controllers no service account exists that a pod could have.
      '--disable-admission-plugins=ServiceAccount',
      '--endpoint-reconciler-type=none',
    ]);
    await this.#until('kube-apiserver', async () => {
      const answer = await this.ask('GET', '/readyz').catch(() => undefined);
      const system = answer?.status === 200 && (await this.ask('GET', '/api/v1/namespaces/kube-system'));
      return system && system.status === 200;
    });
  }

  /** kill -9; resolves when it is gone. */
  async stopApiserver(): Promise<void> {
    await end(this.#apiserver);
  }

  /** Another cluster's beginning at the same address: nothing is left of what was. */
  async startAnew(): Promise<void> {
    await this.stopApiserver();
    await end(this.#etcd);
    this.#store++;
    await this.startEtcd();
    await this.startApiserver();
  }

  /** Has etcd forget everything before now. */
  async compact(): Promise<void> {
    const etcd = async (path: string, body: object) => {
      const url = `http://127.0.0.1:${this.#ports.etcd}/v3/kv/${path}`;
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
      return (await answer.json()) as { readonly header: { readonly revision: string } };
    };
    const { header } = await etcd('range', { key: Buffer.from('x').toString('base64') });
    await etcd('compaction', { revision: header.revision, physical: true });
  }

  /** Kills both and deletes their store. */
  async dispose(): Promise<void> {
    this.#agent?.destroy();
    await this.stopApiserver();
    await end(this.#etcd);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Of a file in its own folder. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  #spawn(path: string, args: readonly string[]): ChildProcess {
    const child = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.#folder });
    guardChild(child);
    child.stderr.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
    return child;
  }

  async #until(name: string, isReady: () => Promise<boolean>): Promise<void> {
    const child = name === 'etcd' ? this.#etcd : this.#apiserver;
    const check = async () => {
      if (child?.exitCode !== null) throw new Error(`${name} ended with ${child?.exitCode}: ${this.#output}`);
      return await isReady();
    };
    await waitFor(check, { what: () => `${name} to answer: ${this.#output}`, limitMs: 90_000 });
  }
}

/** Of a watch the first event. */
function bodyOf(text: string): KubeAnswer['body'] {
  if (!text.startsWith('{')) return { text };
  try {
    return JSON.parse(text) as KubeAnswer['body'];
  } catch {
    return JSON.parse(text.split('\n')[0] ?? '') as KubeAnswer['body'];
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
