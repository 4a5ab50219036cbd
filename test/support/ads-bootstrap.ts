// Bootstrap of an Envoy without an agent beside it, for tests of Pilot alone.

/** A sidecar that gets everything over ADS (`GRPC` or `DELTA_GRPC`) from the Pilot at a port of this machine. */
export function adsBootstrap(
  xdsPort: number,
  apiType: string,
  id = 'sidecar~10.9.9.9~x.default~default.svc.cluster.local',
) {
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  const address = { socket_address: { address: '127.0.0.1', port_value: xdsPort } };
  const ads = { ads: {}, resource_api_version: 'V3' };
  return {
    node: {
      id,
      cluster: 'x',
      metadata: { INTERCEPTION_MODE: 'NONE', NAMESPACE: 'default' },
    },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      ads_config: {
        api_type: apiType,
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: ads,
      cds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
        },
      ],
    },
  };
}
