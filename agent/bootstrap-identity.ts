// The parts of the bootstrap that an identity adds: the way to the agent's secrets, and mutual TLS with Pilot. Pure.
import type { Json } from './proxy-node.ts';

/** Istio's name; what Pilot sends refers to it. */
const sdsClusterName = 'sds-grpc';
const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** The static cluster that reaches the agent's SDS socket. */
export function sdsCluster(socket: string): Json {
  return socketCluster(sdsClusterName, socket);
}

/** A static cluster that speaks gRPC to the agent's unix socket. */
export function socketCluster(name: string, socket: string): Json {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      [httpOptions]: {
        '@type': `type.googleapis.com/${httpOptions}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }],
    },
  };
}

/** The transport socket towards Pilot: the workload's SVID for us, `pilotId` and nobody else of the mesh at the other end. */
export function pilotTls(pilotId: string): Json {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      common_tls_context: {
        alpn_protocols: ['h2'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificate_sds_secret_configs: [secret('default')],
        combined_validation_context: {
          default_validation_context: {
            match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: pilotId } }],
          },
          validation_context_sds_secret_config: secret('ROOTCA'),
        },
      },
    },
  };
}

function secret(name: 'default' | 'ROOTCA'): Json {
  return {
    name,
    sds_config: {
      resource_api_version: 'V3',
      // As long as it takes: without an identity there is nobody to ask for a configuration.
      initial_fetch_timeout: '0s',
      api_config_source: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: sdsClusterName } }],
      },
    },
  };
}
