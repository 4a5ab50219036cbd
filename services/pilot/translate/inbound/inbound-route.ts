// The inline routes of an inbound listener: everything to the application, without a timeout.
import { create } from '@bufbuild/protobuf';
import { RouteSchema, VirtualHostSchema } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import { durationOfMs } from '../routes/duration.ts';
import { isGrpc } from '../routes/protocol.ts';
import { inboundRetryPolicy } from '../routes/retry-policy.ts';
import { routeMatch } from '../routes/route-match.ts';
import type { InboundChain } from './inbound-chains.ts';

/** Routes of `chain` to its cluster, `inbound|9080||`. */
export function inboundRouteConfiguration(
  chain: Pick<InboundChain, 'port' | 'hostname' | 'protocol'>,
  cluster: string,
): RouteConfiguration {
  const none = durationOfMs(0);
  const route = create(RouteSchema, {
    name: 'default',
    match: routeMatch(undefined),
    decorator: { operation: `${chain.hostname}:${chain.port}/*` },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: cluster },
        timeout: none,
        maxStreamDuration: { maxStreamDuration: none, grpcTimeoutHeaderMax: none },
        // A gRPC stream may have sent messages before it is reset.
        ...(isGrpc(chain.protocol) ? {} : { retryPolicy: inboundRetryPolicy() }),
      },
    },
  });
  const host = create(VirtualHostSchema, { name: `inbound|http|${chain.port}`, domains: ['*'], routes: [route] });
  return create(RouteConfigurationSchema, { name: cluster, virtualHosts: [host], validateClusters: false });
}
