// Translation: what a proxy is to be sent, computed from a snapshot and the proxy's context and nothing else.
import { isIP } from 'node:net';
import { type Cluster, ClusterSchema } from '../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { agentSettingsRead, agentSettingsSet } from './agent-settings.ts';
import { fixedClusters } from './clusters/fixed-clusters.ts';
import { inboundClusters } from './clusters/inbound-clusters.ts';
import { ownScope, scopeWith, sidecarOf } from './compute-proxy-scope.ts';
import { destinationRuleOf } from './destination-rules.ts';
import { encodeResource } from './encode.ts';
import { localAssignment } from './endpoints/local-cluster.ts';
import { type EnvoyFilters, envoyFiltersOf, noEnvoyFilters } from './envoy-filter/apply-envoy-filters.ts';
import { patchSetOf } from './envoy-filter/patch-set.ts';
import { gatewayPorts } from './gateways/merge-gateways.ts';
import { buildInboundListeners, buildOutboundListeners } from './listeners/build.ts';
import { headlessEndpoints } from './listeners/outbound-inputs.ts';
import type { Memo } from './memo.ts';
import { configToken, outboundContext } from './outbound-context.ts';
import { type OutboundResources, outboundResources } from './outbound-resources.ts';
import { policyInputs } from './policy/policy-filters.ts';
import type { ProxyContext } from './proxy-context.ts';
import { snapshotFor } from './proxy-mesh.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { emptySet, joinedSet, resourceSet } from './resource-set.ts';
import { buildRoutes } from './routes/build.ts';
import { credentialsOf, secretSet } from './secrets/secret-set.ts';
import { trustBundleSet } from './security/trust-bundle.ts';
import { securityWarnings } from './security/workload-security.ts';
import { type Environment, noEnvironment, withHeaderValues } from './telemetry/environment-headers.ts';
import { telemetryWarnings } from './telemetry/workload-telemetry.ts';
import { type EncodedResource, type ResourceSet, type Translation, type TypeUrl, typeUrls } from './translation.ts';
import { translationWarnings } from './translation-warnings.ts';

/**
 * Pure: the same snapshot and context give the same bytes, whatever `memo` holds; it only saves work (one memo per lineage
 * of snapshots). All types are translated at once, so that what throws does so here and not in a stream. Proxies whose
 * contexts agree in what outbound configuration reads share it, down to the resource sets. `environment` has what `envName` of a
 * provider's header names: with none, as for what people are shown, the header is empty.
 */
export function translate(
  meshwide: Snapshot,
  context: ProxyContext,
  memo: Memo,
  environment: Environment = noEnvironment,
): Translation {
  const snapshot = snapshotFor(withHeaderValues(meshwide, environment, memo), context, memo);
  const shared = sharedTranslation(snapshot, context, memo);
  const scope = ownScope(shared.scope, context, memo);
  const own = ownTranslation({ scope, shared, memo });
  const endpoints = endpointSet(scope, shared, memo);
  let warnings: readonly string[] | undefined;
  return {
    position: snapshot.position,
    resources: (typeUrl) => (typeUrl === typeUrls.endpoints ? endpoints : (own.sets.get(typeUrl) ?? emptySet)),
    credentials: own.credentials,
    get warnings() {
      return (warnings ??= [
        ...translationWarnings(shared.scope, memo),
        ...securityWarnings({ scope, memo }),
        ...telemetryWarnings({ scope, memo }),
        ...own.problems,
      ]);
    },
  };
}

/** Those of what it calls; and of its own service, where its Envoy asks for them. */
function endpointSet(scope: ProxyScope, { outbound }: SharedTranslation, memo: Memo): ResourceSet {
  const local = localAssignment(scope, memo);
  if (local === undefined) return outbound.endpoints;
  return memo.latest('endpoints-with-local', scope.context, [outbound.endpoints, local], () =>
    joinedSet(outbound.endpoints, resourceSet([local])),
  );
}

/** What all proxies with one outbound context and Sidecar get from a snapshot. */
interface SharedTranslation {
  readonly scope: ProxyScope;
  readonly outbound: OutboundResources;
  /** What listeners and routes read of the snapshot: as long as it is the same, so are they. */
  readonly read: readonly unknown[];
  /** The same object while the elements of `read` are. */
  readonly readToken: object;
}

/** What a proxy gets beside the endpoints of what it calls. */
interface OwnTranslation {
  readonly sets: ReadonlyMap<TypeUrl, ResourceSet>;
  readonly credentials: readonly string[];
  /** What EnvoyFilters could not do. */
  readonly problems: readonly string[];
}

/**
 * A proxy's part, made again when something that it reads of the snapshot has changed: a change of endpoints, the most frequent one,
 * costs each proxy a look-up.
 */
function ownTranslation({ scope, shared, memo }: Omit<Input, 'filters'>): OwnTranslation {
  const { snapshot, context, instances } = scope;
  const filtersRead = snapshot.config.list('EnvoyFilter');
  const { clusters: sharedClusters } = shared.outbound;
  const drains = context.type === 'router' ? snapshot.gatewayDrains : undefined;
  const { credentials, trustBundles } = snapshot;
  const settingsRead = agentSettingsRead(snapshot);
  const read = [sharedClusters, instances, credentials, trustBundles, filtersRead, drains, ...settingsRead];
  return memo.latest('own-translation', context, [shared.readToken, ...read], () => {
    const filters = envoyFiltersOf(patchSetOf(snapshot, context, memo), context.type, memo);
    const input = { scope, shared, filters, memo };
    const sets = new Map<TypeUrl, ResourceSet>([
      [typeUrls.cluster, clusters(input)],
      [typeUrls.listener, listeners(input)],
      [typeUrls.route, routes(input)],
      [typeUrls.secret, secretSet({ scope, memo })],
      [typeUrls.extension, filters.extensions()],
      [typeUrls.proxyConfig, trustBundleSet(scope, memo)],
      [typeUrls.agentSettings, agentSettingsSet(scope, memo)],
    ]);
    return { sets, credentials: credentialsOf({ scope, memo }), problems: filters.problems() };
  });
}

interface Input {
  readonly scope: ProxyScope;
  readonly shared: SharedTranslation;
  readonly filters: EnvoyFilters;
  readonly memo: Memo;
}

function sharedTranslation(snapshot: Snapshot, own: ProxyContext, memo: Memo): SharedTranslation {
  const context = outboundContext(snapshot, own, memo);
  const sidecars = snapshot.config.list('Sidecar');
  const sidecar = memo.latest('sidecar-of', own, [sidecars, snapshot.mesh], () => sidecarOf(snapshot, own));
  return memo.get('shared-translation', [snapshot, context, sidecar], () => {
    const scope = scopeWith({ snapshot, context, sidecar, memo });
    // Headless services' endpoints have listeners of their own; nobody else's are read.
    const read = [
      scope.egress,
      configToken(snapshot, memo),
      snapshot.mesh,
      headlessEndpoints({ scope, memo }),
      ...policyInputs(snapshot),
    ];
    const readToken = memo.get('shared-read', [context, sidecar, ...read], () => ({}));
    return { scope, outbound: outboundResources(scope, memo), read, readToken };
  });
}

function clusters({ scope, shared, filters, memo }: Input): ResourceSet {
  const own = filters.clusters(ownClusters(scope, memo), 'own', [scope.context]);
  const outbound = filters.clusters(shared.outbound.clusters, 'shared', originOf(shared));
  return memo.get('all-clusters', [outbound, own], () => joinedSet(outbound, own));
}

/** What tells the successive sets of one group of proxies from another's. */
function originOf({ scope: { context, sidecar } }: SharedTranslation): readonly unknown[] {
  return [context, sidecar];
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
    instances.map(({ service }) => destinationRuleOf({ snapshot, context, service, memo, isInbound: true })),
  );
  return memo.get('own-clusters', [instances, sidecar, rules, mesh, context], () => {
    const fixed = memo.get('fixed-clusters', [mesh, context.type, context.telemetry, ipVersions(context)], () =>
      encodeAll(fixedClusters(mesh, context)),
    );
    return resourceSet([...fixed, ...encodeAll(inboundClusters(scope, memo))]);
  });
}

function ipVersions({ addresses }: Pick<ProxyContext, 'addresses'>): string {
  return [...new Set(addresses.map(isIP))].sort((a, b) => a - b).join();
}

function encodeAll(clusters: readonly Cluster[]): readonly EncodedResource[] {
  return clusters.map((cluster) => encodeResource(typeUrls.cluster, cluster.name, ClusterSchema, cluster));
}

/** Outbound listeners are the same map for proxies that read the same: only the inbound ones are a proxy's own. */
function listeners({ scope, shared, filters, memo }: Input): ResourceSet {
  const { context, instances } = scope;
  const halves = memo.get('listener-sets', [context, instances, scope.sidecar, ...shared.read], () => ({
    outbound: setOf(buildOutboundListeners(scope, memo), memo),
    inbound: setOf(buildInboundListeners(scope, memo), memo),
  }));
  const origin = context.type === 'router' ? [context] : originOf(shared);
  const outbound = filters.listeners(halves.outbound, 'shared', origin);
  const inbound = filters.listeners(halves.inbound, 'own', [context]);
  // Where both have a name the outbound listener keeps it, as in Istio.
  return memo.get('all-listeners', [outbound, inbound], () => joinedSet(inbound, outbound));
}

function routes({ scope, shared, filters, memo }: Input): ResourceSet {
  // A gateway's routes are named by its listeners' ports, which its own instances decide.
  const isRouter = scope.context.type === 'router';
  const read = isRouter ? scope : shared.scope;
  const drains = isRouter ? scope.snapshot.gatewayDrains : undefined;
  const built = memo.get('route-set', [read.context, read.instances, read.sidecar, drains, ...shared.read], () =>
    setOf(buildRoutes(read, memo), memo),
  );
  if (filters === noEnvoyFilters) return built;
  const ports = isRouter ? gatewayPorts({ scope, memo }) : undefined;
  return filters.routes(built, isRouter ? [scope.context] : originOf(shared), ports);
}

function setOf(built: ReadonlyMap<string, EncodedResource>, memo: Memo): ResourceSet {
  return memo.get('as-set', [built], () => resourceSet(built.values()));
}
