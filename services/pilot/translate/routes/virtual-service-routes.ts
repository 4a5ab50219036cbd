// The routes of one VirtualService at one place, remembered for all proxies for which they are the same.
import type { Service } from '../../../../events/model.ts';
import type { Route } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import type { ConsistentHashLB } from '../../../../mesh/config/schemas/destination-rule.ts';
import type { Destination } from '../../../../mesh/config/schemas/virtual-service.ts';
import type { Memo } from '../memo.ts';
import { consistentHashOf } from './hash-policy.ts';
import { httpRoutes } from './http-route.ts';
import { destinationCluster, destinationRule, findService, type Lookups, labelNames, labelsText } from './lookups.ts';
import type { VirtualService } from './resolve-virtual-service.ts';
import { forwardedHeaders } from './virtual-host.ts';

/** Where routes are made for. */
export interface RoutesPlace {
  /** Port that requests arrive at; 0 for a forward proxy. */
  readonly port: number;
  /** `mesh`, or `namespace/name` of a Gateway. */
  readonly gateway: string;
  readonly isTls: boolean;
  /** Service of a destination: decides the port where the destination names none. */
  readonly service: (hostname: string) => Service | undefined;
}

/** What routes read of a VirtualService beside its rules. */
interface Reads {
  readonly destinations: readonly Destination[];
  readonly labels: readonly string[];
  readonly readsNamespace: boolean;
}

/** The routes, none where no rule applies; the same array while the VirtualService and what it refers to stay the same. */
export function virtualServiceRoutes(
  virtualService: VirtualService,
  place: RoutesPlace,
  lookups: Lookups,
): readonly Route[] {
  const { context } = lookups.scope;
  const reads = readsOf(virtualService, lookups.memo);
  const services = reads.destinations.map(({ host }) => place.service(host));
  const hashes = reads.destinations.map((destination) => hashOf(destination, lookups));
  const labels = labelsText(reads.labels, context.labels);
  const namespace = reads.readsNamespace ? context.namespace : '';
  const isProxyless = context.generator === 'grpc';
  const { port, gateway, isTls } = place;
  const defaultRetries = lookups.scope.snapshot.mesh.defaultHttpRetryPolicy;
  const { hasForwardedHost } = forwardedHeaders(lookups.scope.snapshot.mesh);
  const at = [port, gateway, isTls, isProxyless, labels, namespace, hasForwardedHost];
  const deps = [virtualService, defaultRetries, ...services, ...hashes, ...at];
  return lookups.memo.get('virtual-service-routes', deps, () => {
    const byHost = new Map(reads.destinations.map(({ host }, index) => [host, services[index]]));
    return httpRoutes(virtualService, {
      port,
      gateway,
      isTls,
      isProxyless,
      defaultRetries,
      hasForwardedHost,
      labels: context.labels,
      namespace: context.namespace,
      clusterOf: (destination) => destinationCluster(destination, byHost.get(destination.host), port),
      consistentHashOf: (destination) => hashes[reads.destinations.indexOf(destination)],
    });
  });
}

function hashOf({ host, subset, port }: Destination, lookups: Lookups): ConsistentHashLB | undefined {
  return consistentHashOf(destinationRule(findService(host, lookups), lookups), { subset, port: port?.number });
}

function readsOf(virtualService: VirtualService, memo: Memo): Reads {
  return memo.get('virtual-service-reads', [virtualService], () => {
    const rules = virtualService.spec.http ?? [];
    const matches = rules.flatMap(({ match }) => match ?? []);
    const destinations = rules.flatMap((rule) => [
      ...(rule.route ?? []).map(({ destination }) => destination),
      ...(rule.mirror ? [rule.mirror] : []),
      ...(rule.mirrors ?? []).map(({ destination }) => destination),
    ]);
    return {
      destinations,
      labels: labelNames(matches.map(({ sourceLabels }) => sourceLabels ?? {})),
      readsNamespace: matches.some(({ sourceNamespace }) => !!sourceNamespace),
    };
  });
}
