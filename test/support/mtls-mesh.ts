// A mesh with identities for tests: the control plane as production composes it, and agents with real Envoys, on addresses of its own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../../agent/agent.ts';
import type { AgentOptions } from '../../agent/agent-options.ts';
import { spiffeIdOf } from '../../agent/identity/agent-identity.ts';
import { requestSvid } from '../../agent/identity/citadel-client.ts';
import type { WorkloadSvid } from '../../agent/identity/workload-svid.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { controlPlaneId, formatSpiffeId } from '../../mesh/spiffe-id.ts';
import { type Composition, compose } from '../../run/compose.ts';
import { processConfigOf } from '../../run/config.ts';
import { proxyPorts } from '../../run/demo-plan.ts';
import { runStages } from '../../run/stages.ts';
import { envoyPath } from './envoy.ts';
import { waitFor } from './wait-for.ts';

/** The mesh's trust domain. */
export const trustDomain = 'cluster.local';

/** One workload: a sidecar that listens on an address of this test alone. */
export interface MeshWorkload {
  readonly name: string;
  readonly namespace?: string;
  /** Port of the application on 127.0.0.1; absent: it only calls. */
  readonly appPort?: number;
}

/** Port of every service. */
export const servicePort = 9080;

/** See the file's first line. */
export class MtlsMesh {
  readonly folder = mkdtempSync(join(tmpdir(), 'periplus-mtls-'));
  readonly composition: Composition;
  readonly #config: string;
  readonly #stop: AbortController;
  readonly #ended: Promise<void>[];
  readonly #agents = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();

  private constructor(options: {
    composition: Composition;
    config: string;
    stop: AbortController;
    ended: Promise<void>;
  }) {
    const { composition, config, stop, ended } = options;
    this.composition = composition;
    this.#config = config;
    this.#stop = stop;
    this.#ended = [ended];
  }

  /** Starts the control plane over `files`, YAML by file name. */
  static async start(files: Readonly<Record<string, string>> = {}): Promise<MtlsMesh> {
    const config = mkdtempSync(join(tmpdir(), 'periplus-mtls-config-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(config, name), text);
    const ports = { xdsPort: 0, xdsMtlsPort: 0, adminPort: 0, citadelPort: 0, citadelWebPort: 0, mixerPort: 0 };
    const flags = { roles: 'pilot,adapters,citadel,mixer', log: 'memory:', data: join(config, 'data'), ...ports };
    const processConfig = processConfigOf(flags, { name: 'pilot', workingDirectory: config, env: {} });
    const means = { clock: systemClock, logger: silentLogger };
    const composition = await compose(processConfig, { ...means, folders: new Map([['test', config]]) });
    const stop = new AbortController();
    const ended = runStages(composition.stages, { ...means, signal: stop.signal }).finally(() =>
      rmSync(config, { recursive: true, force: true }),
    );
    const mesh = new MtlsMesh({ composition, config, stop, ended });
    await waitFor(() => composition.readiness().every(({ ready }) => ready), {
      what: () => JSON.stringify(composition.readiness()),
      limitMs: 60_000,
    });
    return mesh;
  }

  /** Replaces one of the files that the files adapter watches. */
  write(name: string, text: string): void {
    writeFileSync(join(this.#config, name), text);
  }

  /** The port of xDS over mutual TLS. */
  async xdsPort(): Promise<number> {
    return (await this.composition.pilot?.ports())?.[1] ?? 0;
  }

  get citadel() {
    const { citadel } = this.composition;
    if (!citadel) throw new Error('the test has no Citadel');
    return citadel;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.composition.adminPort.value}`;
  }

  roots(): string {
    return this.citadel.bundle.value?.roots.join('') ?? '';
  }

  async token(spiffeId: string): Promise<string> {
    return (await this.citadel.admin.createJoinToken({ spiffeId }, 'user:test')).token;
  }

  /** An SVID without an agent. */
  async svid(namespace: string, serviceAccount: string): Promise<WorkloadSvid> {
    const expected = formatSpiffeId({ trustDomain, namespace, serviceAccount });
    return await requestSvid({
      address: `127.0.0.1:${this.citadel.port.value}`,
      roots: this.roots(),
      citadelId: formatSpiffeId(controlPlaneId(trustDomain, 'citadel')),
      proof: { token: await this.token(expected) },
      expected,
    });
  }

  /** Starts a workload's agent and waits until its Envoy serves; with `serves: false` only starts it. */
  async startAgent(
    workload: MeshWorkload,
    more: Partial<AgentOptions> & { readonly lifeSeconds?: number; readonly serves?: boolean } = {},
  ): Promise<Agent> {
    const { lifeSeconds, serves = true, ...options } = more;
    const identity = proxyIdentityOf(workload);
    const [host] = identity.addresses;
    const folder = join(this.folder, workload.name);
    mkdirSync(folder, { recursive: true });
    const agent = new Agent({
      identity,
      identitySource: {
        citadelAddresses: [`127.0.0.1:${this.citadel.port.value}`],
        trustDomain,
        roots: async () => this.roots(),
        token: async (held) => (held ? undefined : await this.token(spiffeIdOf(identity, trustDomain))),
        ...(lifeSeconds !== undefined && { lifeSeconds }),
      },
      pilotAddresses: [`127.0.0.1:${await this.xdsPort()}`],
      envoy: await envoyPath(),
      folder,
      host,
      adminHost: host,
      ports: proxyPorts,
      concurrency: 1,
      logger: silentLogger,
      clock: systemClock,
      ...options,
    });
    const stop = new AbortController();
    this.#agents.set(workload.name, { stop, ended: agent.run(stop.signal) });
    if (serves)
      await waitFor(async () => (await agent.readiness()).ready, { what: `${workload.name}’s proxy`, limitMs: 60_000 });
    return agent;
  }

  /** Pilot, Citadel and adapters are gone from here on. */
  async stopControlPlane(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#ended);
  }

  async stopAgent(name: string): Promise<void> {
    const agent = this.#agents.get(name);
    agent?.stop.abort();
    await agent?.ended;
    this.#agents.delete(name);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#agents.keys()].map((name) => this.stopAgent(name)));
    await this.stopControlPlane();
    await this.composition.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Two runs of the tests on one machine must not meet: 127.64–127.127, by process. */
const block = `127.${64 + (process.pid % 64)}.${(process.pid >> 6) % 256}`;
const numbers = new Map<string, number>();

function numberOf(name: string): number {
  const number = numbers.get(name) ?? numbers.size + 1;
  numbers.set(name, number);
  return number;
}

/** Where a workload's sidecar takes requests for it, on `servicePort`. */
export const inboundAddress = (name: string) => `${block}.${numberOf(name)}`;
/** Where it takes requests that the workload makes. */
export const outboundAddress = (name: string) => `${block}.${100 + numberOf(name)}`;

function proxyIdentityOf({ name, namespace = 'default' }: MeshWorkload) {
  const address = inboundAddress(name);
  return { addresses: [address], name, namespace, labels: { app: name }, serviceAccount: name } as const;
}

/** Service, Pod and Sidecar of a workload, as YAML for the files adapter. `tls`: callers are to use mutual TLS. */
export function workloadYaml({ name, namespace = 'default', appPort }: MeshWorkload, tls = true): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: ${servicePort}, targetPort: ${servicePort} }] }
---
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: ${namespace}
  labels: { app: ${name}${tls ? ', security.istio.io/tlsMode: istio' : ''} }
spec:
  serviceAccountName: ${name}
  containers: [{ name: app, ports: [{ containerPort: ${servicePort} }] }]
status: { podIP: ${inboundAddress(name)}, phase: Running, conditions: [{ type: Ready, status: 'True' }] }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  workloadSelector: { labels: { app: ${name} } }
  ingress:
    - port: { number: ${servicePort}, protocol: HTTP, name: http }
      bind: ${inboundAddress(name)}
      captureMode: NONE
      defaultEndpoint: 127.0.0.1:${appPort ?? 1}
  egress:
    - port: { number: ${servicePort}, protocol: HTTP, name: http }
      bind: ${outboundAddress(name)}
      captureMode: NONE
      hosts: ['*/*']
`;
}
