// The agent beside a workload: runs its Envoy, passes the application's health on to Pilot, serves readiness and metrics.
import { availableParallelism } from 'node:os';
import { MeshError } from '../lib/mesh-error.ts';
import { defaultBackoff, type Service, supervise } from '../lib/service.ts';
import { mergeSettings } from '../mesh/agent-settings.ts';
import type { AgentSettings, ProxySettings } from '../mesh/config/schemas/agent-settings.ts';
import { type AgentOptions, agentBootstrap, loopback, nodeIdentityOf, portsOf } from './agent-options.ts';
import { ConnectionCounts } from './connections/connection-counts.ts';
import { ConnectionLogServer, connectionSocketIn } from './connections/connection-log-server.ts';
import { PeerDirectory } from './connections/peer-directory.ts';
import type { EnvoyAdmin, Readiness } from './envoy-admin.ts';
import { envoyEnvironment } from './envoy-environment.ts';
import { type EnvoyLaunch, EnvoyProcess } from './envoy-process.ts';
import { HealthReporter } from './health-reporter.ts';
import { httpRequest } from './http-request.ts';
import { AgentIdentity, pilotIdOf } from './identity/agent-identity.ts';
import type { WorkloadSvid } from './identity/workload-svid.ts';
import { istioMetrics } from './istio-metrics.ts';
import type { Health } from './probe.ts';
import { ProbeKeeper } from './probe-keeper.ts';
import { ownFacts, proxyNode } from './proxy-node.ts';
import { concurrencyOf, environmentOf, withMetadata } from './proxy-settings.ts';
import { probeOptionsOf } from './readiness-probe.ts';
import { SettingsWatch } from './settings-watch.ts';
import { StatusServer } from './status-server.ts';

/** A Service that runs until its signal is aborted, then drains Envoy and stops everything. Can be run again. */
export class Agent implements Service {
  readonly name: string;
  readonly #options: AgentOptions;
  readonly #envoy: EnvoyProcess;
  readonly #status: StatusServer;
  readonly #reporter: HealthReporter;
  readonly #settings: SettingsWatch;
  readonly #probes: ProbeKeeper;
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
      launch: () => this.#launch(),
      folder: options.folder,
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
    const toPilot = {
      pilotAddresses,
      node: proxyNode(identity),
      credentials: async (signal: AbortSignal) => await own?.pilotCredentials(signal),
    };
    this.#reporter = new HealthReporter(toPilot);
    // Of settings that may change while Envoy runs there is the probe of its WorkloadGroup.
    const follow = identity.metadata?.AUTO_REGISTER_GROUP !== undefined;
    this.#settings = new SettingsWatch({ ...toPilot, follow, clock });
    this.#probes = new ProbeKeeper({ clock, onHealth: (health) => this.#healthChanged(health) });
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
    const { clock, logger, announceStop = true } = this.#options;
    this.#stopping = false;
    const afterDrain = new AbortController();
    signal.addEventListener('abort', () => this.#beginStop(this.#probes.probes && announceStop), { once: true });
    const backoff = { ...defaultBackoff, maxMs: 5_000 };
    const until = (end: AbortSignal) => ({ signal: end, clock, logger: logger.child({ proxy: this.name }), backoff });
    const besideEnvoy = [this.#status, this.#connectionLog, this.#reporter, ...this.#identityServices()];
    const lasting = supervise(besideEnvoy, until(afterDrain.signal));
    const asking = supervise([this.#settings, this.#probes], until(signal));
    await this.#identity?.listening(signal);
    this.#useProbe(await this.#settings.first(signal));
    const following = this.#followSettings(signal);
    await supervise([this.#envoy], until(signal)).finally(() => afterDrain.abort());
    await Promise.all([lasting, asking, following]);
  }

  async #followSettings(signal: AbortSignal): Promise<void> {
    for await (const settings of this.#settings.settings.watch(signal)) this.#useProbe(settings);
  }

  #useProbe(settings: AgentSettings): void {
    const {
      probe,
      identitySource,
      execProbes = identitySource !== undefined && pilotIdOf(identitySource) !== undefined,
    } = this.#options;
    const { readinessProbe } = this.#merged(settings);
    const asked = probe ?? (readinessProbe && probeOptionsOf(readinessProbe));
    const isRefused = probe === undefined && asked !== undefined && 'command' in asked && !execProbes;
    if (isRefused) {
      const message =
        'the probe’s command is not run: Pilot did not prove who it is (--exec-probes runs it all the same)';
      this.#options.logger.warn({ proxy: this.name }, message);
    }
    this.#probes.use(isRefused ? undefined : asked);
  }

  #merged({ base, workload }: AgentSettings): ProxySettings {
    return mergeSettings([base, this.#options.proxyConfig?.settings, workload]);
  }

  #launch(): EnvoyLaunch {
    const settings = this.#merged(this.#settings.settings.value ?? {});
    const concurrency = this.#options.concurrency ?? concurrencyOf(settings, availableParallelism());
    const identity = withMetadata(this.#options.identity, settings);
    const variables = environmentOf(settings);
    const attributes = variables.OTEL_RESOURCE_ATTRIBUTES ?? process.env.OTEL_RESOURCE_ATTRIBUTES;
    return {
      bootstrap: agentBootstrap({ ...this.#options, identity, concurrency }),
      concurrency,
      environment: { ...variables, ...envoyEnvironment(identity, attributes) },
    };
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

  #healthChanged(health: Health): void {
    this.#options.logger.info({ proxy: this.name, ...health }, 'application health changed');
    this.#health = health;
    if (!this.#stopping) this.#reporter.report(health);
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

async function fetchText(url: string): Promise<string> {
  const { status, body } = await httpRequest(url, { headers: { accept: 'text/plain;version=0.0.4' } });
  if (status !== 200) throw new MeshError('unavailable', `${url} answered ${status}`);
  return body;
}
