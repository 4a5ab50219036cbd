// Envoy's bootstrap for a sidecar or gateway: who it is, where Pilot is, its admin port; everything else comes by ADS. Pure.
import { connectionLog } from '../mesh/telemetry/metric-tags.ts';
import { sdsCluster, socketCluster } from './bootstrap-identity.ts';
import { localCluster, scrapeListener, statusListener, xdsCluster } from './bootstrap-static.ts';
import { type Json, type ProxyIdentity, proxyNode } from './proxy-node.ts';
import { type StatsInclusion, statsConfig } from './stats-config.ts';

/** Everything that the bootstrap depends on. */
export interface BootstrapOptions {
  readonly identity: ProxyIdentity;
  /** `host:port` of each Pilot; a stream goes to one of them and moves to another when it fails. */
  readonly pilotAddresses: readonly [string, ...string[]];
  /** The agent's socket with the workload's SVID and trust bundle; absent: it has no identity and speaks plaintext. */
  readonly sdsSocket?: string;
  /** The agent's socket for what Envoy tells of TCP connections; absent: they are not counted. */
  readonly connectionSocket?: string;
  /** SPIFFE ID of Pilot: xDS is then spoken over mutual TLS, with the secrets from `sdsSocket`. */
  readonly pilotId?: string;
  /** Where the admin interface listens: loopback, because it can stop the proxy. */
  readonly admin: SocketAddress;
  /** The agent's status server: readiness and merged metrics. */
  readonly agentStatus: SocketAddress;
  /** Envoy's readiness listener, `GET /healthz/ready` (Istio's 15021); absent: none. */
  readonly readiness?: SocketAddress;
  /** Envoy's own metrics listener, `GET /stats/prometheus` (Istio's 15090); absent: none. */
  readonly prometheus?: SocketAddress;
  /** Downstream connections over which new ones are refused. Default 50,000: far under the usual file limit of a container. */
  readonly maxDownstreamConnections?: number;
  /** Heap size at which Envoy starts to shed load; default: none, the container's limit is not known here. */
  readonly maxHeapBytes?: number;
  /** Which statistics to keep; default all, created on first use. */
  readonly stats?: StatsInclusion;
  /** Seconds that draining listeners keep serving: recorded for Pilot; Envoy itself gets it as a flag. */
  readonly drainSeconds: number;
  /** What its own ProxyConfig says of traffic: Pilot reads it. */
  readonly proxyConfig?: Readonly<Record<string, Json>>;
  /** Worker threads: recorded for Pilot. */
  readonly concurrency: number;
}

/** An IP address and a port, 1 to 65535 (0: any free one). */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** The bootstrap as proto3 JSON of envoy.config.bootstrap.v3.Bootstrap. */
export function bootstrapOf(options: BootstrapOptions): Record<string, Json> {
  return {
    node: proxyNode(options.identity, proxyConfigOf(options)),
    admin: {
      address: socketAddress(options.admin),
      // Health checks on the admin port are not requests that anybody wants to read.
      access_log: [],
    },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          { envoy_grpc: { cluster_name: 'xds-grpc', retry_policy: { retry_back_off: reconnectDelays } } },
        ],
      },
      // 0s: wait for Pilot for ever; a proxy without configuration must not call itself ready.
      cds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      lds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        xdsCluster(options.pilotAddresses, options.pilotId),
        ...(options.sdsSocket === undefined ? [] : [sdsCluster(options.sdsSocket)]),
        ...(options.connectionSocket === undefined
          ? []
          : [socketCluster(connectionLog.cluster, options.connectionSocket)]),
        ...(knowsItself(options) ? [localCluster] : []),
        loopbackCluster('agent', options.agentStatus),
      ],
      listeners: [
        ...(options.prometheus ? [scrapeListener(options.prometheus)] : []),
        ...(options.readiness ? [statusListener(options.readiness)] : []),
      ],
    },
    ...(knowsItself(options) && { cluster_manager: { local_cluster_name: 'local_cluster' } }),
    stats_config: statsConfig(options.stats),
    deferred_stat_options: { enable_deferred_creation_stats: true },
    layered_runtime: { layers: [runtimeDefaults, { name: 'admin', admin_layer: {} }] },
    overload_manager: overloadManager(options),
  };
}

/** Istio's metadata of proxies that balance by zones (zoneAwareLbSetting). */
function knowsItself({ identity }: BootstrapOptions): boolean {
  return identity.metadata?.ENABLE_SELF_DISCOVERY === 'true';
}

/** Quick enough to follow a Pilot's restart, slow enough not to hammer one that is down. */
const reconnectDelays = { base_interval: '0.250s', max_interval: '5s' };

/** A regular expression as long as Istio's limit passes; anything else is Envoy's own default. */
const runtimeDefaults = { name: 'defaults', static_layer: { 're2.max_program_size.error_level': 32768 } };

/** The parts of Istio's ProxyConfig that Pilot or people look at. */
function proxyConfigOf(options: BootstrapOptions): Record<string, Json> {
  return {
    ...options.proxyConfig,
    discoveryAddress: options.pilotAddresses[0],
    proxyAdminPort: options.admin.port,
    statusPort: options.agentStatus.port,
    drainDuration: `${options.drainSeconds}s`,
    concurrency: options.concurrency,
  };
}

function overloadManager(options: BootstrapOptions): Json {
  const connections = 'envoy.resource_monitors.global_downstream_max_connections';
  const heap = 'envoy.resource_monitors.fixed_heap';
  const monitors: Json[] = [
    {
      name: connections,
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
        max_active_downstream_connections: options.maxDownstreamConnections ?? 50_000,
      },
    },
  ];
  if (options.maxHeapBytes === undefined) return { resource_monitors: monitors };
  monitors.push({
    name: heap,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig',
      max_heap_size_bytes: options.maxHeapBytes,
    },
  });
  const at = (action: string, value: number): Json => ({
    name: `envoy.overload_actions.${action}`,
    triggers: [{ name: heap, threshold: { value } }],
  });
  return { resource_monitors: monitors, actions: [at('shrink_heap', 0.9), at('stop_accepting_requests', 0.95)] };
}

function socketAddress({ address, port }: SocketAddress): Json {
  return { socket_address: { address, port_value: port } };
}

function loopbackCluster(name: string, at: SocketAddress): Json {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '0.250s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(at) } }] }],
    },
  };
}
