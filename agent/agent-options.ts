// What an agent is told, and the bootstrap and node that follow from it.
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { OwnProxyConfig } from '../mesh/config/read-proxy-config.ts';
import { bootstrapOf } from './bootstrap.ts';
import { connectionSocketIn } from './connections/connection-log-server.ts';
import { type IdentitySource, pilotIdOf, sdsSocketIn } from './identity/agent-identity.ts';
import type { ProbeOptions } from './probe.ts';
import type { Json, ProxyIdentity } from './proxy-node.ts';
import { withMetadata } from './proxy-settings.ts';
import type { StatsInclusion } from './stats-config.ts';

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
  /** Worker threads, whatever Pilot and the annotation say. Default: as they say, else 2. */
  readonly concurrency?: number;
  /** At most so long a stopping proxy serves requests in flight. Default 5, Istio's terminationDrainDuration; 0 stops at once. */
  readonly drainSeconds?: number;
  /** Default `warning`: what Envoy says is passed on to the logger. */
  readonly envoyLogLevel?: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'off';
  /** The workload's own ProxyConfig (Istio's annotation `proxy.istio.io/config`): over the mesh's and namespace's, under one that selects it. */
  readonly proxyConfig?: OwnProxyConfig;
  /** The application's readiness probe; absent: its WorkloadGroup's, else Pilot is told nothing, the platform's word stands. */
  readonly probe?: ProbeOptions;
  /** Whether commands from Pilot are run as probes. Default: where Pilot proves who it is, by mutual TLS. */
  readonly execProbes?: boolean;
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

/** Where an agent listens unless it is told otherwise. */
export const loopback = '127.0.0.1';

/** Ports with their defaults. */
export function portsOf({ ports }: AgentOptions): Required<AgentPorts> {
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
    ...(options.proxyConfig && { proxyConfig: options.proxyConfig.traffic as Readonly<Record<string, Json>> }),
    ...(stats && { stats }),
    ...(maxHeapBytes !== undefined && { maxHeapBytes }),
    drainSeconds: options.drainSeconds ?? 5,
    concurrency: options.concurrency ?? 2,
  });
}

/** Pilot gives mutual TLS to workloads whose node says that they have an SVID. */
export function nodeIdentityOf({ identity: given, identitySource, proxyConfig }: AgentOptions): ProxyIdentity {
  const identity = withMetadata(given, proxyConfig?.settings ?? {});
  return identitySource ? { ...identity, metadata: { ...identity.metadata, PERIPLUS_IDENTITY: 'SDS' } } : identity;
}

/** Where to connect to what listens on `host`. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return loopback;
  return host === '::' ? '::1' : host;
}
