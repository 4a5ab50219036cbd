// The clusters and listeners that a proxy has before it hears from Pilot: the way to Pilot, readiness and metrics. Pure.
import { isIP } from 'node:net';
import { pilotTls } from './bootstrap-identity.ts';
import type { Json } from './proxy-node.ts';

/** Bytes that a connection of ours may buffer before it is pushed back: these carry little, and there are many proxies. */
const smallBufferBytes = 32_768;

/**
 * The cluster `xds-grpc`: HTTP/2 to every Pilot in turn; one that fails twice is left out for a while. Its pings notice a
 * Pilot that went away without a word within 35 s. `pilotId`: over mutual TLS, with a server of this SPIFFE ID only.
 */
export function xdsCluster(pilotAddresses: readonly string[], pilotId?: string): Json {
  const addresses = pilotAddresses.map(splitAddress);
  const byName = addresses.some(({ host }) => isIP(host) === 0);
  return {
    name: 'xds-grpc',
    type: byName ? 'STRICT_DNS' : 'STATIC',
    ...(byName && { dns_lookup_family: 'ALL' }),
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    ...(pilotId !== undefined && { transport_socket: pilotTls(pilotId) }),
    load_assignment: {
      cluster_name: 'xds-grpc',
      endpoints: [
        {
          lb_endpoints: addresses.map(({ host, port }) => ({
            endpoint: { address: { socket_address: { address: host, port_value: port } } },
          })),
        },
      ],
    },
    outlier_detection: {
      consecutive_gateway_failure: 2,
      enforcing_consecutive_gateway_failure: 100,
      interval: '1s',
      base_ejection_time: '5s',
      max_ejection_percent: 50,
    },
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } },
        },
      },
    },
  };
}

/** Instances of the proxy's own service: with them Envoy knows how much each zone sends (services/pilot/translate/endpoints/local-cluster.ts). */
export const localCluster: Json = {
  name: 'local_cluster',
  type: 'EDS',
  connect_timeout: '1s',
  lb_policy: 'LEAST_REQUEST',
  common_lb_config: { zone_aware_lb_config: { min_cluster_size: 1 } },
  eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' }, service_name: 'local_cluster' },
};

/** Splits `host:port` or `[v6]:port`. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** Serves `/stats/prometheus`: Envoy's own metrics, which the agent completes with Istio's labels. */
export function scrapeListener(at: { address: string; port: number }): Json {
  return httpListener('prometheus', at, { path: '/stats/prometheus', rewrite: '/stats/envoy' });
}

/** Serves the agent's `/healthz/ready`: answered through Envoy, so that a proxy that hangs is not ready. */
export function statusListener(at: { address: string; port: number }): Json {
  return httpListener('readiness', at, { path: '/healthz/ready' });
}

function httpListener(
  name: string,
  at: { address: string; port: number },
  { path, rewrite }: { readonly path: string; readonly rewrite?: string },
): Json {
  const routes = [{ match: { path }, route: { cluster: 'agent', ...(rewrite && { prefix_rewrite: rewrite }) } }];
  return {
    name,
    address: { socket_address: { address: at.address, port_value: at.port } },
    per_connection_buffer_limit_bytes: smallBufferBytes,
    // Shared, the port of another proxy on this host would be taken silently, and each would get some of the requests.
    enable_reuse_port: false,
    // A flood of the data plane's connections must not take away readiness and metrics.
    ignore_global_conn_limit: true,
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: name,
              codec_type: 'AUTO',
              route_config: { virtual_hosts: [{ name, domains: ['*'], routes }] },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}
