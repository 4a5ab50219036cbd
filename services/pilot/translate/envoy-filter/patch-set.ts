// The patches that apply to a proxy, in the order in which they are applied.
import type { ConfigResource } from '../../../../events/model.ts';
import type { EnvoyConfigObjectMatch, EnvoyFilterSpec } from '../../../../mesh/config/schemas/envoy-filter.ts';
import { compilePattern } from '../../../../mesh/policy/expression/patterns.ts';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import { matchesLabels } from '../compute-proxy-scope.ts';
import type { Memo } from '../memo.ts';
import { compareNames } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { type ApplyTo, type Patch, type PatchContext, type ReadPatch, readPatches } from './patch.ts';

/** The same object for all proxies that get the same patches: what is patched by it is shared between them. */
export interface PatchSet {
  /** Patches of a kind, in order. */
  of<A extends ApplyTo>(applyTo: A): readonly Patch<A>[];
  /** Patches that are left out, or part of them, for people. */
  readonly problems: readonly string[];
}

/** Longer versions match nothing: they come from proxies. */
const maxVersionLength = 64;

/** Undefined where no EnvoyFilter selects the proxy: nothing else is then done for EnvoyFilters. */
export function patchSetOf(snapshot: Snapshot, context: ProxyContext, memo: Memo): PatchSet | undefined {
  const all = snapshot.config.list<EnvoyFilterSpec>('EnvoyFilter');
  // A gRPC client has no listeners, filters or clusters that these patches could mean.
  if (all.length === 0 || context.generator === 'grpc') return undefined;
  const { rootNamespace } = snapshot.mesh;
  return memo.get('patch-set-of', [all, context, rootNamespace], () => {
    const read = envoyFiltersFor(snapshot, context)
      .flatMap((filter) => memo.get('envoy-filter-patches', [filter], () => readPatches(filter)))
      .filter(({ proxy }) => matchesProxy(proxy, context));
    return read.length === 0 ? undefined : memo.get('patch-set', read, () => newPatchSet(read));
  });
}

/** The EnvoyFilters that select a proxy, in the order in which they are applied. */
export function envoyFiltersFor(
  snapshot: Snapshot,
  context: Pick<ProxyContext, 'namespace' | 'labels'>,
): readonly ConfigResource<EnvoyFilterSpec>[] {
  const { rootNamespace } = snapshot.mesh;
  return snapshot.config
    .list<EnvoyFilterSpec>('EnvoyFilter')
    .filter((filter) => selects(filter, context, rootNamespace))
    .sort((a, b) => compareFilters(a, b, rootNamespace));
}

/** Whether a patch is for a context. */
export function isFor({ match }: Patch, context: PatchContext): boolean {
  const wanted = match.context ?? 'ANY';
  return wanted === 'ANY' || wanted === context;
}

/** Whether a patch adds a listener or cluster in a context: for ANY that is on the outbound side only, as in Istio. */
export function addsIn(patch: Patch, context: PatchContext): boolean {
  if (patch.operation !== 'ADD') return false;
  return patch.match.context === context || (isFor(patch, context) && context !== 'SIDECAR_INBOUND');
}

/** The root namespace's filters are for every proxy, others for those of their own; selectors narrow both. */
function selects(
  { namespace, spec }: ConfigResource<EnvoyFilterSpec>,
  context: Pick<ProxyContext, 'namespace' | 'labels'>,
  rootNamespace: string,
): boolean {
  if (namespace !== rootNamespace && namespace !== context.namespace) return false;
  if (spec.targetRefs !== undefined && spec.targetRefs.length > 0)
    return namespace === context.namespace && isTarget(spec.targetRefs, context);
  return matchesLabels(spec.workloadSelector?.labels ?? {}, context.labels);
}

/** A Gateway of the Kubernetes Gateway API names its proxies by this label. */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

function isTarget(refs: NonNullable<EnvoyFilterSpec['targetRefs']>, context: Pick<ProxyContext, 'labels'>): boolean {
  const gateway = context.labels[gatewayNameLabel];
  return (
    gateway !== undefined &&
    refs.some(
      ({ group, kind, name }) => group === 'gateway.networking.k8s.io' && kind === 'Gateway' && name === gateway,
    )
  );
}

/** By priority, the root namespace first, then age, then name (Istio's order). */
function compareFilters(
  a: ConfigResource<EnvoyFilterSpec>,
  b: ConfigResource<EnvoyFilterSpec>,
  rootNamespace: string,
): number {
  const root = (filter: ConfigResource) => (filter.namespace === rootNamespace ? 0 : 1);
  return (
    (a.spec.priority ?? 0) - (b.spec.priority ?? 0) ||
    root(a) - root(b) ||
    compareNames(a.createdAt ?? '', b.createdAt ?? '') ||
    compareNames(`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`)
  );
}

function matchesProxy(proxy: EnvoyConfigObjectMatch['proxy'], context: ProxyContext): boolean {
  if (proxy === undefined) return true;
  const metadata = metadataOf(context);
  if (proxy.proxyVersion && !matchesVersion(proxy.proxyVersion, metadata.ISTIO_VERSION ?? '')) return false;
  return matchesLabels(proxy.metadata ?? {}, metadata);
}

/** A node's metadata by Istio's names. */
function metadataOf(context: ProxyContext): Readonly<Record<string, string>> {
  return {
    ...context.metadata,
    NAMESPACE: context.namespace,
    CLUSTER_ID: context.clusterId,
    NETWORK: context.network,
    SERVICE_ACCOUNT: context.serviceAccount,
    INTERCEPTION_MODE: context.interceptionMode,
    ...(context.httpProxyPort === 0 ? {} : { HTTP_PROXY_PORT: String(context.httpProxyPort) }),
  };
}

function matchesVersion(pattern: string, version: string): boolean {
  if (version === '' || version.length > maxVersionLength) return false;
  const matches = compilePattern(pattern);
  return typeof matches !== 'string' && matches(version);
}

function newPatchSet(read: readonly ReadPatch[]): PatchSet {
  const byKind = new Map<ApplyTo, Patch[]>();
  for (const { patch } of read) {
    if (patch === undefined) continue;
    const known = byKind.get(patch.applyTo);
    if (known === undefined) byKind.set(patch.applyTo, [patch]);
    else known.push(patch);
  }
  return {
    of: <A extends ApplyTo>(applyTo: A) => (byKind.get(applyTo) ?? []) as unknown as readonly Patch<A>[],
    problems: read.flatMap(({ problem }) => problem ?? []),
  };
}
