// Translation: what a proxy is to be sent, computed from a snapshot and the proxy's context and nothing else.
import { type Cluster, ClusterSchema } from '../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { fixedClusters } from './clusters/fixed-clusters.ts';
import { inboundClusters } from './clusters/inbound-clusters.ts';
import { proxyScope, scopeWith } from './compute-proxy-scope.ts';
import { destinationRuleOf } from './destination-rules.ts';
import { encodeResource } from './encode.ts';
import { buildInboundListeners, buildOutboundListeners } from './listeners/build.ts';
import { headlessEndpoints } from './listeners/outbound-inputs.ts';
import type { Memo } from './memo.ts';
import { configToken, outboundContext } from './outbound-context.ts';
import { outboundResources } from './outbound-resources.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { emptySet, joinedSet, resourceSet } from './resource-set.ts';
import { buildRoutes } from './routes/build.ts';
import { type EncodedResource, type ResourceSet, type Translation, type TypeUrl, typeUrls } from './translation.ts';
import { translationWarnings } from './translation-warnings.ts';

/**
 * Pure: the same snapshot and context give the same bytes, whatever `memo` holds; it only saves work (one memo per lineage
 * of snapshots). All types are translated at once, so that what throws does so here and not in a stream. Proxies whose contexts agree in what outbound
 * configuration reads share it, down to the resource sets.
 */
export function translate(snapshot: Snapshot, context: ProxyContext, memo: Memo): Translation {
  const scope = proxyScope(snapshot, context, memo);
  const shared = scopeWith({
    snapshot,
    context: outboundContext(snapshot, context, memo),
    sidecar: scope.sidecar,
    memo,
  });
  const sets = new Map(
    Object.values(typeUrls).map((typeUrl) => [typeUrl, translateType(typeUrl, { scope, shared, memo })]),
  );
  let warnings: readonly string[] | undefined;
  return {
    position: snapshot.position,
    resources: (typeUrl) => sets.get(typeUrl) ?? emptySet,
    get warnings() {
      return (warnings ??= translationWarnings(shared, memo));
    },
  };
}

interface Input {
  readonly scope: ProxyScope;
  /** The scope as all proxies with the same outbound context have it. */
  readonly shared: ProxyScope;
  readonly memo: Memo;
}

function translateType(typeUrl: TypeUrl, input: Input): ResourceSet {
  switch (typeUrl) {
    case typeUrls.cluster:
      return clusters(input);
    case typeUrls.endpoints:
      return outboundResources(input.shared, input.memo).endpoints;
    case typeUrls.listener:
      return listeners(input);
    case typeUrls.route:
      return routes(input);
    case typeUrls.secret:
    case typeUrls.extension:
      return emptySet;
    default:
      return typeUrl satisfies never;
  }
}

function clusters({ scope, shared, memo }: Input): ResourceSet {
  const outbound = outboundResources(shared, memo).clusters;
  const own = ownClusters(scope, memo);
  return memo.get('all-clusters', [outbound, own], () => joinedSet(outbound, own));
}

/** Clusters that do not come from the services that the proxy calls. */
function ownClusters(scope: ProxyScope, memo: Memo): ResourceSet {
  const { context, snapshot, sidecar, instances } = scope;
  // gRPC clients take every cluster as one that they call.
  if (context.generator === 'grpc') return emptySet;
  const { mesh } = snapshot;
  const rules = memo.stable(
    'own-rules',
    context,
    instances.map(({ service }) => destinationRuleOf({ snapshot, context, service, memo })),
  );
  return memo.get('own-clusters', [instances, sidecar, rules, mesh, context], () => {
    const fixed = memo.get('fixed-clusters', [mesh, context.type], () => encodeAll(fixedClusters(mesh, context.type)));
    return resourceSet([...fixed, ...encodeAll(inboundClusters(scope, memo))]);
  });
}

function encodeAll(clusters: readonly Cluster[]): readonly EncodedResource[] {
  return clusters.map((cluster) => encodeResource(typeUrls.cluster, cluster.name, ClusterSchema, cluster));
}

/** Outbound listeners are the same map for proxies that read the same: only the inbound ones are a proxy's own. */
function listeners({ scope, memo }: Input): ResourceSet {
  const { snapshot, context, egress, instances } = scope;
  const config = configToken(snapshot, memo);
  // Guards what an endpoint change must not cost: listeners read headless services' endpoints and nobody else's.
  const headless = headlessEndpoints({ scope, memo });
  return memo.get('listener-set', [context, egress, instances, config, snapshot.mesh, headless], () => {
    const outbound = listenerSet(buildOutboundListeners(scope, memo), memo);
    const inbound = listenerSet(buildInboundListeners(scope, memo), memo);
    // Where both have a name the outbound listener keeps it, as in Istio.
    return memo.get('all-listeners', [outbound, inbound], () => joinedSet(inbound, outbound));
  });
}

function listenerSet(built: ReadonlyMap<string, EncodedResource>, memo: Memo): ResourceSet {
  return memo.get('listeners-as-set', [built], () => resourceSet(built.values()));
}

function routes({ scope, shared, memo }: Input): ResourceSet {
  // A gateway's routes are named by its listeners' ports, which its own instances decide.
  const read = scope.context.type === 'router' ? scope : shared;
  const { snapshot, context, egress, sidecar, instances } = read;
  const config = configToken(snapshot, memo);
  const headless = headlessEndpoints({ scope: read, memo });
  return memo.get('route-set', [context, egress, sidecar, instances, config, snapshot.mesh, headless], () => {
    const built = buildRoutes(read, memo);
    return memo.get('routes-as-set', [built], () => resourceSet(built.values()));
  });
}
