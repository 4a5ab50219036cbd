// The part of a proxy's context that its outbound configuration depends on: proxies that agree in it share that configuration.

import type { DestinationRuleSpec, LoadBalancerSettings } from '../../../mesh/config/schemas/destination-rule.ts';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { failoverLabel } from './endpoints/locality.ts';
import type { Memo } from './memo.ts';
import { contextKey } from './node.ts';
import type { ProxyContext } from './proxy-context.ts';
import { federationOf } from './security/federation.ts';

/** Kinds whose resources shape what proxies send out; each may select workloads by labels. EnvoyFilters are applied to the result. */
const outboundKinds = [
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'Sidecar',
  'Telemetry',
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'WasmPlugin',
] as const;

/** An array that is the same one while no resource of a kind that shapes configuration changes, and no fetched key set. */
export function configToken(snapshot: Snapshot, memo: Memo): readonly (readonly unknown[])[] {
  return memo.get('config-token', [snapshot], () =>
    memo.stable('config-token', memo, [
      ...outboundKinds.map((kind) => snapshot.config.list(kind)),
      keySetToken(snapshot, memo),
      banToken(snapshot, memo),
      federationToken(snapshot, memo),
    ]),
  );
}

/** Federated trust domains: their servers are checked with their own authorities. */
function federationToken(snapshot: Snapshot, memo: Memo): readonly unknown[] {
  const federation = federationOf(snapshot, memo);
  return memo.get('federation-token', [federation], () => [federation]);
}

/** Banned identities: servers that are left out of what clients accept. */
function banToken({ bans }: Snapshot, memo: Memo): readonly unknown[] {
  return memo.get('ban-token', [bans], () => [bans]);
}

/** Fetched key sets, where tokens are checked with them. */
function keySetToken({ keySets }: Snapshot, memo: Memo): readonly unknown[] {
  return memo.get('key-set-token', [keySets], () => [keySets]);
}

/**
 * `context` without addresses, service account and metadata, and with those labels only that some resource reads: translation of
 * outbound traffic is given this, so it can't read anything that proxies sharing the result differ in. The same object for
 * equal contexts.
 */
export function outboundContext(snapshot: Snapshot, context: ProxyContext, memo: Memo): ProxyContext {
  const names = labelsRead(snapshot, memo);
  const readsNode = names.has(hostnameLabel) || readsNodes(snapshot, memo);
  return memo.latest('outbound-context', context, [names, readsNode], () => {
    const labels = Object.fromEntries(Object.entries(context.labels).filter(([name]) => names.has(name)));
    // Its ProxyConfig and settings of HTTP are in the snapshot's mesh configuration already (proxy-mesh.ts).
    const {
      metadata: _,
      proxyConfig: __,
      acceptsHttp10: ___,
      httpIdleTimeoutMs: ____,
      spanService: _____,
      nodeName,
      ...read
    } = context;
    const place = readsNode && nodeName !== undefined ? { nodeName } : {};
    const shared: ProxyContext = { ...read, ...place, addresses: [], serviceAccount: '', labels };
    return intern(shared, memo);
  });
}

const hostnameLabel = 'kubernetes.io/hostname';

/** Whether some service's endpoints depend on the node that their caller is on. */
function readsNodes({ registry: { services } }: Snapshot, memo: Memo): boolean {
  return memo.get('reads-nodes', [services], () => {
    for (const { isNodeLocal, trafficDistribution } of services.values())
      if (isNodeLocal || trafficDistribution === 'PreferSameNode') return true;
    return false;
  });
}

/** Interned contexts above which those that no proxy has any more are looked for. */
const sweepAbove = 1024;

/** The one object for all equal contexts. Held weakly: it lasts while a proxy's own context does, and what hangs on it too. */
function intern(context: ProxyContext, memo: Memo): ProxyContext {
  const interned = memo.get('interned-contexts', [memo], () => new Map<string, WeakRef<ProxyContext>>());
  const key = contextKey(context);
  const known = interned.get(key)?.deref();
  if (known !== undefined) return known;
  if (interned.size >= sweepAbove) {
    for (const [old, ref] of interned) if (ref.deref() === undefined) interned.delete(old);
  }
  interned.set(key, new WeakRef(context));
  return context;
}

function labelsRead(snapshot: Snapshot, memo: Memo): ReadonlySet<string> {
  return memo.get('labels-read', [configToken(snapshot, memo), snapshot.mesh], () => {
    const names = new Set<string>();
    for (const kind of outboundKinds) {
      for (const { spec } of snapshot.config.list(kind)) for (const name of selectorLabels(spec)) names.add(name);
    }
    for (const { spec } of snapshot.config.list<VirtualServiceSpec>('VirtualService')) {
      for (const name of sourceLabels(spec)) names.add(name);
    }
    for (const { spec } of snapshot.config.list<DestinationRuleSpec>('DestinationRule')) {
      for (const name of failoverLabels(spec)) names.add(name);
    }
    for (const name of failoverLabelsOf({ loadBalancer: snapshot.mesh })) names.add(name);
    const key = JSON.stringify([...names].sort());
    return memo.get('label-names', [memo, key], () => names);
  });
}

/** Labels in `workloadSelector` and `selector`, whichever of Istio's three forms they take. */
function selectorLabels(spec: unknown): readonly string[] {
  const { workloadSelector, selector } = record(spec);
  return [workloadSelector, selector].flatMap((value) => {
    const { labels, matchLabels, ...direct } = record(value);
    return [labels, matchLabels, direct].flatMap((map) => Object.keys(record(map)));
  });
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function sourceLabels(spec: VirtualServiceSpec): readonly string[] {
  const matches = [...(spec.http ?? []), ...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap(
    (route) => route.match ?? [],
  );
  return matches.flatMap((match) => Object.keys(match.sourceLabels ?? {}));
}

function failoverLabels(spec: DestinationRuleSpec): readonly string[] {
  const policies = [spec.trafficPolicy, ...(spec.subsets ?? []).map((subset) => subset.trafficPolicy)];
  return policies.flatMap((policy) => [policy, ...(policy?.portLevelSettings ?? [])]).flatMap(failoverLabelsOf);
}

function failoverLabelsOf(
  policy:
    | { readonly loadBalancer?: Pick<LoadBalancerSettings, 'localityLbSetting' | 'zoneAwareLbSetting'> | undefined }
    | undefined,
): readonly string[] {
  const { localityLbSetting, zoneAwareLbSetting } = policy?.loadBalancer ?? {};
  return [...(localityLbSetting?.failoverPriority ?? []), ...(zoneAwareLbSetting?.failoverPriority ?? [])].map(
    failoverLabel,
  );
}
