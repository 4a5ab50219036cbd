// Tracers of SkyWalking and Datadog: what a connection manager is told of each.
import { toJson } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { HttpConnectionManager_TracingSchema } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { defaultMeshConfig as mesh } from '../../../../mesh/config/mesh-config.ts';
import type { ExtensionProvider } from '../../../../mesh/config/schemas/extension-provider.ts';
import { anyTypes } from '../../../../mesh/envoy/any-types.ts';
import { tracing } from './tracing.ts';

const server = { service: 'receiver.example.com', port: 80 };
const reached = { authority: 'receiver.example.com', cluster: 'outbound|80||receiver.example.com' };

/** `tracing` of a proxy whose node is of the cluster `cluster`, without tags. */
function traced(provider: Omit<ExtensionProvider, 'name'>, isGateway: boolean, cluster = 'a.default') {
  const targets = [{ ...reached, provider: { name: 'p', ...provider } }];
  const identity = { tags: {}, service: { cluster, semantic: 'a' } };
  const value = tracing({ provider: 'p', enableIstioTags: false }, targets, { mesh, isGateway, identity });
  return value && (toJson(HttpConnectionManager_TracingSchema, value, { registry: anyTypes }) as object);
}

it('SkyWalking’s is called over gRPC, and its proxies’ calls are spans of their own everywhere', () => {
  for (const isGateway of [false, true]) {
    expect(traced({ skywalking: { ...server, accessToken: 'unread' } }, isGateway)).toMatchObject({
      spawnUpstreamSpan: true,
      maxPathTagLength: 256,
      provider: {
        name: 'envoy.tracers.skywalking',
        typedConfig: {
          '@type': 'type.googleapis.com/envoy.config.trace.v3.SkyWalkingConfig',
          grpcService: { envoyGrpc: { clusterName: reached.cluster, authority: reached.authority } },
        },
      },
    });
  }
});

it('Datadog’s names the service as the node’s cluster, and is never without a name', () => {
  const config = (cluster?: string) => traced({ datadog: { ...server, maxTagLength: 8 } }, false, cluster);
  expect(config()).toMatchObject({
    maxPathTagLength: 8,
    provider: {
      name: 'envoy.tracers.datadog',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.config.trace.v3.DatadogConfig',
        collectorCluster: reached.cluster,
        collectorHostname: reached.authority,
        serviceName: 'a.default',
      },
    },
  });
  expect(config()).not.toHaveProperty('spawnUpstreamSpan');
  expect(config('')).toHaveProperty('provider.typedConfig.serviceName', 'unknown_service');
});
