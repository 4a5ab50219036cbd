// The agent beside a workload: runs its Envoy, passes the application's health on to Pilot, serves readiness and metrics.
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { defaultBackoff, type Service, supervise } from '../lib/service.ts';
import { bootstrapOf } from './bootstrap.ts';
import { ConnectionCounts } from './connections/connection-counts.ts';
import { ConnectionLogServer, connectionSocketIn } from './connections/connection-log-server.ts';
import { PeerDirectory } from './connections/peer-directory.ts';
import type { EnvoyAdmin, Readiness } from './envoy-admin.ts';
import { envoyEnvironment } from './envoy-environment.ts';
import { EnvoyProcess } from './envoy-process.ts';
import { HealthReporter } from './health-reporter.ts';
import { httpRequest } from './http-request.ts';
import { AgentIdentity, type IdentitySource, pilotIdOf, sdsSocketIn } from './identity/agent-identity.ts';
import type { WorkloadSvid } from './identity/workload-svid.ts';
import { istioMetrics } from './istio-metrics.ts';
import { type Health, Probe, type ProbeOptions } from './probe.ts';
import { ownFacts, type ProxyIdentity, proxyNode } from './proxy-node.ts';
import type { StatsInclusion } from './stats-config.ts';
import { StatusServer } from './status-server.ts';

/** Everything an agent is told. */
export interface AgentOptions {
  readonly identity: ProxyIdentity;
  /** Where its SVID comes from; absent: it has none and speaks plaintext. */
  readonly identitySource?: IdentitySource;
  /** `host:port` of each Pilot's xDS port (15012 with an identity, else 15010); Envoy and agent move to another when one fails. */
  readonly pilotAddresses: readonly [string, ...string[]];
  /** Envoy's executable: `ensureEnvoy()`. */
  readonly envoy: string;
  /** Folder of its own, made if absent; the same one at each start, so that a leftover Envoy is found. */
  readonly folder: string;
  /** Address of Envoy's admin interface. Default `127.0.0.1`: it can stop the proxy, so it is for this host alone. */
  readonly adminHost?: string;
  /** Address of status, readiness and metrics ports. Default `127.0.0.1`; `0.0.0.0` in a container, for kubelet and Prometheus. */
  readonly host?: string;
  /** Istio's ports by default, which people's probes and scrape jobs know. */
  readonly ports?: AgentPorts;
  /** Worker threads. Default 2, as in Istio: a sidecar's share of a machine, not the machine. */
  readonly concurrency?: number;
  /** At most so long a stopping proxy serves requests in flight. Default 5, Istio's terminationDrainDuration; 0 stops at once. */
  readonly drainSeconds?: number;
  /** Default `warning`: what Envoy says is passed on to the logger. */
  readonly envoyLogLevel?: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'off';
  /** The application's readiness probe; absent: Pilot is told nothing, the platform's word stands. */
  readonly probe?: ProbeOptions;
  /** Tells Pilot that the workload is unwell before draining, so that clients leave first. Default true where there is a probe. */
  readonly announceStop?: boolean;
  /** The application's own Prometheus page, merged into ours. */
  readonly appMetricsUrl?: string;
  /** Which of Envoy's statistics to keep. Default all. */
  readonly stats?: StatsInclusion;
  readonly maxHeapBytes?: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Ports of one agent and its Envoy; `readiness` and `prometheus` are not opened when 0. */
export interface AgentPorts {
  /** Envoy's admin interface. Default 15000; 0: any free port, and then no `prometheus`, which has to know it. */
  readonly admin?: number;
  /** The agent's readiness and merged metrics. Default 15020. */
  readonly status?: number;
  /** Readiness, answered through Envoy. Default 15021. */
  readonly readiness?: number;
  /** Envoy's own metrics. Default 15090. */
  readonly prometheus?: number;
}

/** A Service that runs until its signal is aborted, then drains Envoy and stops everything. Can be run again. */
export class Agent implements Service {
  readonly name: string;
  readonly #options: AgentOptions;
  readonly #envoy: EnvoyProcess;
  readonly #status: StatusServer;
  readonly #reporter: HealthReporter;
  readonly #identity: AgentIdentity | undefined;
  readonly #connections: ConnectionCounts;
  readonly #connectionLog: ConnectionLogServer;
  #health: Health | undefined;
  #stopping = false;

  constructor(options: AgentOptions) {
    const { logger, clock, pilotAddresses, identitySource, folder } = options;
    const identity = nodeIdentityOf(options);
    this.name = `agent ${identity.name}`;
    this.#options = options;
    this.#envoy = new EnvoyProcess({
      name: identity.name,
      binary: options.envoy,
      bootstrap: agentBootstrap(options),
      folder: options.folder,
      concurrency: options.concurrency ?? 2,
      environment: envoyEnvironment(identity, process.env.OTEL_RESOURCE_ATTRIBUTES),
      drainSeconds: options.drainSeconds ?? 5,
      logLevel: options.envoyLogLevel ?? 'warning',
      logger,
      clock,
    });
    this.#connections = new ConnectionCounts(ownFacts(options.identity));
    this.#connectionLog = this.#newConnectionLog();
    const sources = {
      readiness: () => this.readiness(),
      appHealth: () => this.#health,
      metrics: this.#metricsSources(),
      envoyMetrics: () => this.#envoyMetrics(),
      ownMetrics: () => this.#ownMetrics(),
    };
    this.#status = new StatusServer({ host: options.host ?? loopback, port: portsOf(options).status, sources });
    const ownLogger = logger.child({ proxy: identity.name });
    this.#identity =
      identitySource &&
      new AgentIdentity({ source: identitySource, workload: identity, folder, clock, logger: ownLogger });
    const own = this.#identity;
    this.#reporter = new HealthReporter({
      pilotAddresses,
      node: proxyNode(identity),
      credentials: async (signal) => await own?.pilotCredentials(signal),
    });
  }

  /** Envoy's process id while it runs. */
  get envoyPid(): number | undefined {
    return this.#envoy.pid;
  }

  /** The SVID that its Envoy is served; undefined before the first, and without an identity. */
  get svid(): WorkloadSvid | undefined {
    return this.#identity?.svid.value;
  }

  /** Envoy's admin interface while it runs. */
  get admin(): EnvoyAdmin | undefined {
    return this.#envoy.admin;
  }

  /** True only when Envoy serves with the configuration that Pilot gave, and is not being stopped. Never rejects. */
  async readiness(): Promise<Readiness> {
    if (this.#stopping) return { ready: false, reason: 'stopping' };
    return (await this.#envoy.admin?.readiness()) ?? { ready: false, reason: 'Envoy has not started yet' };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, probe, announceStop = true } = this.#options;
    this.#stopping = false;
    const afterDrain = new AbortController();
    signal.addEventListener('abort', () => this.#beginStop(probe !== undefined && announceStop), { once: true });
    const backoff = { ...defaultBackoff, maxMs: 5_000 };
    const until = (end: AbortSignal) => ({ signal: end, clock, logger: logger.child({ proxy: this.name }), backoff });
    const besideEnvoy = [
      this.#status,
      this.#connectionLog,
      ...(probe ? [this.#reporter] : []),
      ...this.#identityServices(),
    ];
    const lasting = supervise(besideEnvoy, until(afterDrain.signal));
    const probing = probe ? supervise([this.#probe(probe)], until(signal)) : undefined;
    await this.#identity?.listening(signal);
    await supervise([this.#envoy], until(signal)).finally(() => afterDrain.abort());
    await Promise.all([lasting, probing]);
  }

  #newConnectionLog(): ConnectionLogServer {
    const { folder, clock } = this.#options;
    const endpoints = async () => await this.#runningEnvoy().endpointDump();
    const peers = new PeerDirectory({ endpoints, clock });
    return new ConnectionLogServer({ socket: connectionSocketIn(folder), counts: this.#connections, peers });
  }

  #runningEnvoy(): EnvoyAdmin {
    if (!this.#envoy.admin) throw new MeshError('unavailable', 'Envoy does not run');
    return this.#envoy.admin;
  }

  #identityServices(): readonly Service[] {
    const { pilotAddresses } = this.#options;
    const node = proxyNode(nodeIdentityOf(this.#options));
    return this.#identity ? [...this.#identity.services, ...this.#identity.bundleWatch({ pilotAddresses, node })] : [];
  }

  #probe(options: ProbeOptions): Probe {
    const onHealth = (health: Health) => {
      this.#options.logger.info({ proxy: this.name, ...health }, 'application health changed');
      this.#health = health;
      if (!this.#stopping) this.#reporter.report(health);
    };
    return new Probe({ ...options, clock: this.#options.clock, onHealth });
  }

  #beginStop(announce: boolean): void {
    this.#stopping = true;
    if (announce) this.#reporter.report({ healthy: false, reason: 'the proxy is being stopped' });
  }

  #metricsSources(): Record<string, () => Promise<string>> {
    const { appMetricsUrl } = this.#options;
    return { envoy: () => this.#envoyMetrics(), ...(appMetricsUrl && { application: () => fetchText(appMetricsUrl) }) };
  }

  async #envoyMetrics(): Promise<string> {
    const requests = istioMetrics(await this.#runningEnvoy().metrics(), ownFacts(this.#options.identity));
    const connections = this.#connections.text();
    return connections === '' ? requests : `${requests.trimEnd()}\n${connections}`;
  }

  #ownMetrics(): string {
    return [
      '# HELP periplus_agent_envoy_starts_total How often the agent started its Envoy.',
      '# TYPE periplus_agent_envoy_starts_total counter',
      `periplus_agent_envoy_starts_total ${this.#envoy.starts}`,
      '# HELP periplus_agent_connections_uncounted_total Counts of TCP connections for which there was no room.',
      '# TYPE periplus_agent_connections_uncounted_total counter',
      `periplus_agent_connections_uncounted_total ${this.#connections.uncounted}`,
      ...svidMetrics(this.#identity),
      ...(this.#health
        ? [
            '# HELP periplus_agent_application_healthy Whether the application passes its probe.',
            '# TYPE periplus_agent_application_healthy gauge',
            `periplus_agent_application_healthy ${this.#health.healthy ? 1 : 0}`,
          ]
        : []),
    ].join('\n');
  }
}

function svidMetrics(identity: AgentIdentity | undefined): readonly string[] {
  const svid = identity?.svid.value;
  if (!svid) return [];
  return [
    '# HELP periplus_agent_svid_expiry_seconds When the SVID that is served ends, in seconds since the epoch.',
    '# TYPE periplus_agent_svid_expiry_seconds gauge',
    `periplus_agent_svid_expiry_seconds ${svid.notAfterMs / 1000}`,
  ];
}

const loopback = '127.0.0.1';

function portsOf({ ports }: AgentOptions): Required<AgentPorts> {
  return { admin: 15000, status: 15020, readiness: 15021, prometheus: 15090, ...ports };
}

/** The bootstrap that an agent with these options gives to its Envoy. */
export function agentBootstrap(options: AgentOptions): ReturnType<typeof bootstrapOf> {
  const {
    pilotAddresses,
    identitySource: source,
    folder,
    host = loopback,
    adminHost = loopback,
    stats,
    maxHeapBytes,
  } = options;
  const ports = portsOf(options);
  const pilotId = source && pilotIdOf(source);
  return bootstrapOf({
    identity: nodeIdentityOf(options),
    pilotAddresses,
    ...(source && { sdsSocket: sdsSocketIn(folder) }),
    connectionSocket: connectionSocketIn(folder),
    ...(pilotId !== undefined && { pilotId }),
    admin: { address: adminHost, port: ports.admin },
    agentStatus: { address: reachable(host), port: ports.status },
    ...(ports.readiness > 0 && { readiness: { address: host, port: ports.readiness } }),
    ...(ports.prometheus > 0 && ports.admin > 0 && { prometheus: { address: host, port: ports.prometheus } }),
    ...(stats && { stats }),
    ...(maxHeapBytes !== undefined && { maxHeapBytes }),
    drainSeconds: options.drainSeconds ?? 5,
    concurrency: options.concurrency ?? 2,
  });
}

/** Pilot gives mutual TLS to workloads whose node says that they have an SVID. */
function nodeIdentityOf({ identity, identitySource }: AgentOptions): ProxyIdentity {
  return identitySource ? { ...identity, metadata: { ...identity.metadata, PERIPLUS_IDENTITY: 'SDS' } } : identity;
}

/** Where to connect to what listens on `host`. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return loopback;
  return host === '::' ? '::1' : host;
}

async function fetchText(url: string): Promise<string> {
  const { status, body } = await httpRequest(url, { headers: { accept: 'text/plain;version=0.0.4' } });
  if (status !== 200) throw new MeshError('unavailable', `${url} answered ${status}`);
  return body;
}
