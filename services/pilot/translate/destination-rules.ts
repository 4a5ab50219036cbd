// Which DestinationRule applies to a service for a proxy, and what its traffic policy says for a subset and port.
import type { ConfigResource, Service } from '../../../events/model.ts';
import type { DestinationRuleSpec, Subset, TrafficPolicy } from '../../../mesh/config/schemas/destination-rule.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { matchesLabels } from './compute-proxy-scope.ts';
import type { Memo } from './memo.ts';
import { compareNames, isHostWithin, resolveHostname } from './names.ts';
import type { ProxyContext } from './proxy-context.ts';
import { isExportedTo } from './visibility.ts';

/** One host's rules merged into one. The same object while none of the resources changes. */
export interface MergedRule {
  /** The resources it was merged from, oldest first; it is known by the first one's name. */
  readonly resources: readonly [ConfigResource<DestinationRuleSpec>, ...ConfigResource<DestinationRuleSpec>[]];
  readonly trafficPolicy: TrafficPolicy | undefined;
  /** The first of each name. */
  readonly subsets: readonly Subset[];
}

/**
 * The rule for `service` as Istio looks it up: the proxy's own namespace, the service's, the root namespace; in each the
 * most specific host; there a rule whose workloadSelector matches before one without. For proxies of the root namespace, mostly
 * gateways, the mesh-wide rules there come last all the same: only those that it keeps to itself are its own. Undefined when none applies.
 */
export function destinationRuleOf(options: {
  readonly snapshot: Snapshot;
  readonly context: ProxyContext;
  readonly service: Service;
  readonly memo: Memo;
  /** For traffic that the proxy receives for the service: rules with a workloadSelector are about what their workloads call. */
  readonly isInbound?: boolean;
}): MergedRule | undefined {
  const { snapshot, context, service, memo, isInbound = false } = options;
  const { rootNamespace } = snapshot.mesh;
  const index = ruleIndex(snapshot, memo);
  if (index.size === 0) return undefined;
  const own = index.get(context.namespace);
  const match = { hostname: service.hostname, context, isInbound };
  return (
    pick(context.namespace === rootNamespace ? own?.unexported : own?.local, match) ??
    pick(index.get(service.namespace)?.exported, match, snapshot) ??
    pick(index.get(rootNamespace)?.exported, match, snapshot)
  );
}

/** A rule's subset by name. */
export function subsetOf(rule: MergedRule | undefined, name: string): Subset | undefined {
  return rule?.subsets.find((subset) => subset.name === name);
}

/**
 * What holds for traffic to `port` of a subset (undefined: of the host): the subset's settings over the host's, one by one. A level's
 * portLevelSettings for the port stand for all that the level says, the tunnel, PROXY protocol and retry budget included, which
 * they can't set; and they leave nothing of the host's pool, outlier detection, load balancer and TLS to a subset (Istio's
 * GetPortLevelTrafficPolicy and MergeTrafficPolicy).
 */
export function effectivePolicy(rule: MergedRule | undefined, subset: Subset | undefined, port: number): TrafficPolicy {
  const host = atPort(rule?.trafficPolicy, port)?.policy ?? {};
  const own = atPort(subset?.trafficPolicy, port);
  if (own === undefined) return host;
  return { ...host, ...(own.isOfPort ? unset : {}), ...own.policy } as TrafficPolicy;
}

/** What a level says for a port: its settings for the port where it has some, else those for all ports. */
function atPort(
  policy: TrafficPolicy | undefined,
  port: number,
): { readonly policy: TrafficPolicy; readonly isOfPort: boolean } | undefined {
  if (policy === undefined) return undefined;
  const { portLevelSettings, ...settings } = policy;
  const ofPort = portLevelSettings?.find((setting) => setting.port?.number === port);
  if (ofPort === undefined) return { policy: settings, isOfPort: false };
  const { port: _, ...own } = ofPort;
  return { policy: own as TrafficPolicy, isOfPort: true };
}

/** What a subset's settings for a port replace, whether or not they say anything about it. */
const unset = { connectionPool: undefined, outlierDetection: undefined, loadBalancer: undefined, tls: undefined };

/** Rules of one namespace by full hostname, each list in age order. */
interface NamespaceRules {
  /** For proxies of the namespace itself. */
  readonly local: HostRules;
  /** For others, subject to exportTo. */
  readonly exported: HostRules;
  /** For proxies of the namespace alone. */
  readonly unexported: HostRules;
}
interface HostRules {
  readonly exact: ReadonlyMap<string, readonly MergedRule[]>;
  /** Longest pattern first: the most specific. */
  readonly wildcard: readonly (readonly [string, readonly MergedRule[]])[];
}

function ruleIndex(snapshot: Snapshot, memo: Memo): ReadonlyMap<string, NamespaceRules> {
  const rules = snapshot.config.list<DestinationRuleSpec>('DestinationRule');
  const defaults = snapshot.mesh.defaultDestinationRuleExportTo;
  return memo.get('destination-rule-index', [rules, defaults], () => {
    const byNamespace = Map.groupBy(rules, ({ namespace }) => namespace);
    return new Map(
      [...byNamespace].map(([namespace, own]) => {
        const local = own.filter((rule) => isForOwnNamespace(rule));
        const exported = own.filter((rule) => !isPrivate(rule, defaults));
        const unexported = local.filter((rule) => isPrivate(rule, defaults));
        const rulesOf = (some: typeof own) => hostRules(some, memo);
        return [
          namespace,
          { local: rulesOf(local), exported: rulesOf(exported), unexported: rulesOf(unexported) },
        ] as const;
      }),
    );
  });
}

function isForOwnNamespace({ spec, namespace }: ConfigResource<DestinationRuleSpec>): boolean {
  const exportTo = spec.exportTo ?? [];
  if (hasSelector(spec) || exportTo.length === 0) return true;
  return exportTo.some((target) => target === '*' || target === '.' || target === namespace);
}

/** Rules with a workloadSelector are never exported. */
function isPrivate({ spec, namespace }: ConfigResource<DestinationRuleSpec>, defaults: readonly string[]): boolean {
  const exportTo = spec.exportTo?.length ? spec.exportTo : defaults;
  return hasSelector(spec) || exportTo.every((target) => target === '.' || target === namespace || target === '~');
}

function hasSelector(spec: DestinationRuleSpec): boolean {
  return spec.workloadSelector !== undefined && Object.keys(spec.workloadSelector.matchLabels ?? {}).length > 0;
}

function hostRules(rules: readonly ConfigResource<DestinationRuleSpec>[], memo: Memo): HostRules {
  const byHost = Map.groupBy(rules, ({ spec, namespace }) => resolveHostname(spec.host.toLowerCase(), namespace));
  const exact = new Map<string, readonly MergedRule[]>();
  const wildcard: (readonly [string, readonly MergedRule[]])[] = [];
  for (const [host, ofHost] of byHost) {
    const merged = [...Map.groupBy(ofHost, ({ spec }) => mergeKey(spec)).values()].map((group) => merge(group, memo));
    if (host.startsWith('*')) wildcard.push([host, merged]);
    else exact.set(host, merged);
  }
  wildcard.sort(([a], [b]) => b.length - a.length || compareNames(a, b));
  return { exact, wildcard };
}

/** Rules for one host are merged when the same workloads and namespaces see them. */
function mergeKey(spec: DestinationRuleSpec): string {
  const selector = Object.entries(spec.workloadSelector?.matchLabels ?? {}).sort(([a], [b]) => compareNames(a, b));
  return JSON.stringify([selector, [...(spec.exportTo ?? [])].sort()]);
}

function merge(resources: readonly ConfigResource<DestinationRuleSpec>[], memo: Memo): MergedRule {
  return memo.get('merged-destination-rule', resources, () => {
    const [first, ...others] = resources;
    if (first === undefined) throw new TypeError('nothing to merge');
    const subsets = new Map<string, Subset>();
    for (const { spec } of resources) {
      for (const subset of spec.subsets ?? []) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
    }
    const trafficPolicy = resources.find(({ spec }) => spec.trafficPolicy !== undefined)?.spec.trafficPolicy;
    return { resources: [first, ...others] as const, trafficPolicy, subsets: [...subsets.values()] };
  });
}

/** Whom a rule is looked up for. */
interface RuleMatch {
  readonly hostname: string;
  readonly context: ProxyContext;
  readonly isInbound: boolean;
}

function pick(
  rules: HostRules | undefined,
  { hostname, context, isInbound }: RuleMatch,
  exportedBy?: Snapshot,
): MergedRule | undefined {
  const matching = rules?.exact.get(hostname) ?? rules?.wildcard.find(([host]) => isHostWithin(hostname, host))?.[1];
  if (matching === undefined) return undefined;
  let chosen: MergedRule | undefined;
  for (const rule of matching) {
    const [{ spec }] = rule.resources;
    if (exportedBy !== undefined && !isSeen(rule, context, exportedBy)) continue;
    if (!hasSelector(spec)) chosen = rule;
    else if (!isInbound && selects(spec, context)) return rule;
  }
  return chosen;
}

function isSeen({ resources: [rule] }: MergedRule, context: ProxyContext, snapshot: Snapshot): boolean {
  return isExportedTo({
    exportTo: rule.spec.exportTo,
    defaults: snapshot.mesh.defaultDestinationRuleExportTo,
    ownNamespace: rule.namespace,
    namespace: context.namespace,
  });
}

function selects(spec: DestinationRuleSpec, context: ProxyContext): boolean {
  return matchesLabels(spec.workloadSelector?.matchLabels ?? {}, context.labels);
}
