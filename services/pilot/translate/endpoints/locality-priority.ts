// Locality load balancing: weights by `distribute`, priorities by nearness, `failover` and `failoverPriority`.
import type { Endpoint } from '../../../../events/model.ts';
import { compareNames } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { endpointWeight } from './lb-endpoint.ts';
import { failoverLabel, type LocalityUse, localityDistance, matchesLocality, parseLocality } from './locality.ts';
import { topologyLabel } from './topology-labels.ts';

/** Endpoints of one locality and priority. */
export interface EndpointGroup {
  /** `region/zone/subzone` */
  readonly locality: string;
  readonly endpoints: readonly Endpoint[];
  readonly weight: number;
  /** 0 is used first. */
  readonly priority: number;
}

/** Gives each group the weight and priority that it has for the proxy (istio.io/latest/docs/tasks/traffic-management/locality-load-balancing). */
export function prioritise(
  groups: readonly EndpointGroup[],
  proxy: { readonly use: LocalityUse; readonly context: ProxyContext },
): readonly EndpointGroup[] {
  const { use, context } = proxy;
  switch (use.kind) {
    case 'none':
      return groups;
    case 'distribute':
      return distribute(groups, use.rules, context.locality);
    case 'failover': {
      const byLabels =
        use.failoverPriority.length > 0
          ? groups.flatMap((group) => splitByLabels(group, use.failoverPriority, context))
          : groups;
      const byPlace = use.failoverPriority.length === 0 || use.failover.length > 0 || use.byRegion;
      return withoutGaps(byPlace ? byLabels.map((group) => failOver(group, use, context)) : byLabels);
    }
    default:
      return use satisfies never;
  }
}

type Distribute = Extract<LocalityUse, { kind: 'distribute' }>['rules'];

/** The first rule whose `from` matches the proxy says what share each locality gets; localities that it does not name get none. */
function distribute(groups: readonly EndpointGroup[], rules: Distribute, locality: string): readonly EndpointGroup[] {
  const from = parseLocality(locality);
  const rule = rules.find((candidate) => matchesLocality(from, candidate.from ?? ''));
  if (rule === undefined) return groups;
  const weights = new Map<EndpointGroup, number>();
  for (const [pattern, share] of Object.entries(rule.to ?? {}).sort(([a], [b]) => bySpecificity(a, b))) {
    const matching = groups.filter(
      (group) => !weights.has(group) && matchesLocality(parseLocality(group.locality), pattern),
    );
    const total = matching.reduce((sum, group) => sum + group.weight, 0);
    for (const group of matching) weights.set(group, Math.ceil((group.weight * share) / total));
  }
  return groups.flatMap((group) => {
    const weight = weights.get(group);
    return weight === undefined || weight === 0 ? [] : [{ ...group, weight }];
  });
}

/** More parts before fewer, so that `region/zone` gets its share before `region/*` divides the rest. */
function bySpecificity(a: string, b: string): number {
  const parts = (pattern: string) => pattern.split('/').filter((part) => part !== '*').length;
  return parts(b) - parts(a) || compareNames(a, b);
}

type Failover = Extract<LocalityUse, { kind: 'failover' }>;

/** Nearer is better; of other regions the one that the proxy's region fails over to comes before the rest. */
function failOver(group: EndpointGroup, { failover, byRegion }: Failover, context: ProxyContext): EndpointGroup {
  const [from, to] = [parseLocality(context.locality), parseLocality(group.locality)];
  const distance = byRegion && from.region === to.region ? 0 : localityDistance(from, to);
  const rule = distance === 3 ? failover.find((candidate) => candidate.from === from.region) : undefined;
  const isElsewhere = byRegion ? distance === 3 && rule?.to !== to.region : rule !== undefined && rule.to !== to.region;
  // Five steps within each priority that failoverPriority gave.
  return { ...group, priority: group.priority * 5 + (isElsewhere ? 4 : distance) };
}

/**
 * Priority 0 for endpoints that share all labels with the proxy, one more for each label from the first that differs. Where the first
 * label is the network, other networks come after all of the proxy's own, among themselves by the other labels (Istio's applyFailoverPriorityPerLocality).
 */
function splitByLabels(
  group: EndpointGroup,
  labels: readonly string[],
  context: ProxyContext,
): readonly EndpointGroup[] {
  const differs = (endpoint: Endpoint, entry: string) => {
    const label = failoverLabel(entry);
    const wanted = entry.includes('=') ? entry.slice(label.length + 1) : topologyLabel(context, label);
    return topologyLabel(endpoint, label) !== wanted;
  };
  const priorityOf = (endpoint: Endpoint) => {
    const isElsewhere = labels[0] === networkLabel && differs(endpoint, networkLabel);
    const firstDifferent = labels.findIndex((entry, i) => !(i === 0 && isElsewhere) && differs(endpoint, entry));
    return (isElsewhere ? labels.length : 0) + (firstDifferent === -1 ? 0 : labels.length - firstDifferent);
  };
  return [...Map.groupBy(group.endpoints, priorityOf)]
    .sort(([a], [b]) => a - b)
    .map(([priority, endpoints]) => {
      const weight = endpoints.reduce((sum, endpoint) => sum + endpointWeight(endpoint), 0);
      return { ...group, endpoints, weight, priority };
    });
}

const networkLabel = 'topology.istio.io/network';

/** Envoy wants priorities from 0 without gaps. */
function withoutGaps(groups: readonly EndpointGroup[]): readonly EndpointGroup[] {
  const used = [...new Set(groups.map((group) => group.priority))].sort((a, b) => a - b);
  return groups.map((group) => ({ ...group, priority: used.indexOf(group.priority) }));
}
