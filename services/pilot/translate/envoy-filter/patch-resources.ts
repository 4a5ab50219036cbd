// Applies a proxy's patches to a set of resources: only those that a patch may be for are decoded, and only changed ones encoded.
import { fromBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '../../../../gen/envoy/config/core/v3/extension_pb.js';
import { ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import { messageOf } from '../../../../lib/mesh-error.ts';
import { encodeResource } from '../encode.ts';
import type { Memo } from '../memo.ts';
import { emptySet, patchedSet, resourceSet } from '../resource-set.ts';
import { type EncodedResource, type ResourceSet, typeUrls } from '../translation.ts';
import { type Journal, newJournal } from './journal.ts';
import { mayMatchListener } from './listener-match.ts';
import type { Patch, PatchContext } from './patch.ts';
import { matchesCluster, patchCluster } from './patch-cluster.ts';
import { patchListener } from './patch-listener.ts';
import { type GatewayPorts, matchesRouteConfiguration, patchRouteConfiguration } from './patch-routes.ts';
import { addsIn, isFor, type PatchSet } from './patch-set.ts';

/** What is patched, and as what. */
export interface PatchJob {
  readonly kind: 'cluster' | 'listener' | 'route';
  readonly set: ResourceSet;
  readonly patches: PatchSet;
  /** Which side a resource is on. */
  contextOf(name: string): PatchContext;
  /** The side on which resources are added; undefined: none are. */
  readonly side: PatchContext | undefined;
  /** Objects that tell successive sets of one origin from others: of these the difference alone is patched. */
  readonly origin: readonly unknown[];
  readonly gatewayPorts?: GatewayPorts | undefined;
}

/** See `PatchJob`. */
export interface PatchedResources {
  readonly set: ResourceSet;
  /** What could not be applied, for people, each once. */
  readonly problems: readonly string[];
}

/** What an `origin` had last. */
interface Holder {
  base?: ResourceSet;
  patched?: PatchedResources;
  readonly problemsByName: Map<string, readonly string[]>;
}

/** The set itself where no patch is for it. */
export function patchResources(job: PatchJob, memo: Memo): PatchedResources {
  const { kind, set, patches, side, origin, gatewayPorts } = job;
  const isNeeded = memo.get('envoy-filter-needs', [patches, kind, side], () => hasPatches(job));
  if (!isNeeded) return { set, problems: [] };
  const deps = [patches, gatewayPorts, kind, side];
  return memo.get('envoy-filtered-set', [set, ...deps, ...origin], () => {
    const holder = memo.get<Holder>('envoy-filter-holder', [...deps, ...origin], () => ({ problemsByName: new Map() }));
    holder.patched = nextSet(job, holder, memo);
    holder.base = set;
    return holder.patched;
  });
}

/** Extensions that EXTENSION_CONFIG patches add; filters ask for them by name (ECDS). */
export function extensionConfigs(patches: PatchSet, memo: Memo): ResourceSet {
  return memo.get('envoy-filter-extensions', [patches], () => {
    const added = patches.of('EXTENSION_CONFIG').filter(({ operation }) => operation === 'ADD');
    return added.length === 0
      ? emptySet
      : resourceSet(
          added.map(({ value }) => encodeResource(typeUrls.extension, value.name, TypedExtensionConfigSchema, value)),
        );
  });
}

const kindsOf = {
  cluster: ['CLUSTER'],
  listener: ['LISTENER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'LISTENER_FILTER', 'HTTP_FILTER'],
  route: ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'],
} as const;

function patchesOf(kind: PatchJob['kind'], patches: PatchSet): readonly Patch[] {
  return kindsOf[kind].flatMap((applyTo): readonly Patch[] => patches.of(applyTo));
}

/** A sidecar's own resources are of both sides, and its inbound routes are inside its listeners. */
function hasPatches({ kind, patches, side }: PatchJob): boolean {
  if (kind === 'cluster') return patches.of('CLUSTER').length > 0;
  const all = patchesOf(kind, patches);
  const inside = kind === 'listener' && side === 'SIDECAR_INBOUND' ? patchesOf('route', patches) : [];
  return [...all, ...inside].some((patch) => side !== undefined && isFor(patch, side));
}

function nextSet(job: PatchJob, holder: Holder, memo: Memo): PatchedResources {
  const { set } = job;
  const changes = holder.base ? set.changesSince(holder.base) : undefined;
  const updated = changes?.updated ?? set.names().flatMap((name) => set.get(name) ?? []);
  const results = new Map<string, EncodedResource | undefined>();
  for (const name of changes?.removed ?? []) {
    results.set(name, undefined);
    holder.problemsByName.delete(name);
  }
  for (const resource of updated) {
    const { patched, problems } = patchOnce(resource, job, memo);
    results.set(resource.name, patched);
    if (problems.length > 0) holder.problemsByName.set(resource.name, problems);
    else holder.problemsByName.delete(resource.name);
  }
  for (const added of addedResources(job, memo)) {
    const generated = set.get(added.name);
    // As in Istio, REMOVE and ADD under one name replace what is generated.
    const isFree = generated === undefined || patchOnce(generated, job, memo).patched === undefined;
    if (isFree) results.set(added.name, added);
  }
  return {
    set: patchedSet(holder.patched?.set ?? emptySet, results),
    problems: [...new Set([...holder.problemsByName.values()].flat())].sort(),
  };
}

interface Patched {
  /** Undefined: removed. */
  readonly patched: EncodedResource | undefined;
  readonly problems: readonly string[];
}

/** Once for all proxies with this resource and these patches; the resource itself where no patch changes it. */
function patchOnce(resource: EncodedResource, job: PatchJob, memo: Memo): Patched {
  const { patches, gatewayPorts, kind } = job;
  const context = job.contextOf(resource.name);
  return memo.get('envoy-filtered', [resource, patches, gatewayPorts, kind, context], () => {
    if (!mayApply(resource.name, context, job)) return { patched: resource, problems: [] };
    const journal = newJournal();
    try {
      return { patched: patchOne(resource, context, job, journal), problems: journal.problems };
    } catch (error) {
      // Whatever a patch holds, its proxies keep what they would have without it.
      return { patched: resource, problems: [`${resource.name} left as it was: ${messageOf(error)}`] };
    }
  });
}

/** False where a resource's name says that no patch is for it. */
function mayApply(name: string, context: PatchContext, { kind, patches, gatewayPorts }: PatchJob): boolean {
  const candidates = patchesOf(kind, patches).filter((patch) => isFor(patch, context));
  switch (kind) {
    case 'cluster':
      return candidates.some((patch) => patch.operation !== 'ADD' && matchesCluster(patch, name, undefined));
    case 'route':
      return candidates.some((patch) => matchesRouteConfiguration(patch, name, context, gatewayPorts));
    case 'listener': {
      const inlineRoutes = context === 'SIDECAR_INBOUND' ? patchesOf('route', patches) : [];
      return (
        candidates.some((patch) => mayMatchListener(patch, name)) || inlineRoutes.some((patch) => isFor(patch, context))
      );
    }
    default:
      return kind satisfies never;
  }
}

function patchOne(
  resource: EncodedResource,
  context: PatchContext,
  job: PatchJob,
  journal: Journal,
): EncodedResource | undefined {
  const { name, bytes } = resource;
  const { patches, kind, gatewayPorts } = job;
  switch (kind) {
    case 'cluster': {
      const cluster = patchCluster({ patches, context, cluster: fromBinary(ClusterSchema, bytes), journal });
      if (cluster === undefined || !journal.changed) return cluster && resource;
      return encodeResource(typeUrls.cluster, name, ClusterSchema, named(cluster, name, journal));
    }
    case 'listener': {
      const listener = patchListener({ patches, context, listener: fromBinary(ListenerSchema, bytes), journal });
      if (listener === undefined || !journal.changed) return listener && resource;
      return encodeResource(typeUrls.listener, name, ListenerSchema, named(listener, name, journal));
    }
    case 'route': {
      const configuration = fromBinary(RouteConfigurationSchema, bytes);
      patchRouteConfiguration({ patches, context, configuration, journal, gatewayPorts });
      if (!journal.changed) return resource;
      return encodeResource(typeUrls.route, name, RouteConfigurationSchema, named(configuration, name, journal));
    }
    default:
      return kind satisfies never;
  }
}

/** Other resources refer to this one by its name: a patch may not change it. */
function named<Message extends { name: string }>(message: Message, name: string, journal: Journal): Message {
  if (message.name !== name) journal.problems.push(`${name} can't be renamed to ${message.name} by an EnvoyFilter`);
  message.name = name;
  return message;
}

/** Of two with one name the first stays, and a generated one that is not removed before both. */
function addedResources({ kind, patches, side }: PatchJob, memo: Memo): readonly EncodedResource[] {
  if (side === undefined) return [];
  return memo.get('envoy-filter-added', [patches, kind, side], () => {
    const unique = new Map<string, EncodedResource>();
    const add = (resource: EncodedResource) => unique.has(resource.name) || unique.set(resource.name, resource);
    if (kind === 'cluster')
      for (const patch of patches.of('CLUSTER'))
        if (addsIn(patch, side)) add(encodeResource(typeUrls.cluster, patch.value.name, ClusterSchema, patch.value));
    if (kind === 'listener')
      for (const patch of patches.of('LISTENER'))
        if (addsIn(patch, side)) add(encodeResource(typeUrls.listener, patch.value.name, ListenerSchema, patch.value));
    return [...unique.values()];
  });
}
