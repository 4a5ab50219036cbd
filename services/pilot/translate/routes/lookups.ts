// What listeners and routes look up while they are built: services, complete VirtualServices, DestinationRules.
import type { Service } from '../../../../events/model.ts';
import type { DestinationRuleSpec } from '../../../../mesh/config/schemas/destination-rule.ts';
import type { Destination } from '../../../../mesh/config/schemas/virtual-service.ts';
import { destinationRuleOf, type MergedRule } from '../destination-rules.ts';
import type { Memo } from '../memo.ts';
import { subsetKey } from '../names.ts';
import type { EgressScope, ProxyScope } from '../proxy-scope.ts';
import { resolveVirtualService, type VirtualService } from './resolve-virtual-service.ts';

/** See the file's first line. */
export interface Lookups {
  readonly scope: ProxyScope;
  readonly memo: Memo;
}

/** The DestinationRule that holds for a service as this proxy sees it; the same object while it does not change. */
export function destinationRule(service: Service | undefined, { scope, memo }: Lookups): MergedRule | undefined {
  if (service === undefined) return undefined;
  const { snapshot, context } = scope;
  return destinationRuleOf({ snapshot, context, service, memo });
}

/** Labels of the proxy that decide which DestinationRules hold for it, as text for memos. */
export function ruleLabels({ scope, memo }: Lookups): string {
  const rules = scope.snapshot.config.list<DestinationRuleSpec>('DestinationRule');
  const names = memo.get('rule-labels', [rules], () =>
    labelNames(rules.map(({ spec }) => spec.workloadSelector?.matchLabels ?? {})),
  );
  return labelsText(names, scope.context.labels);
}

/** The labels that selectors ask for, each once, in order. */
export function labelNames(selectors: readonly Readonly<Record<string, string>>[]): readonly string[] {
  return [...new Set(selectors.flatMap((selector) => Object.keys(selector)))].sort();
}

/** What the labels of these names are, as text: equal for proxies that no selector tells apart. */
export function labelsText(names: readonly string[], labels: Readonly<Record<string, string>>): string {
  return names.map((name) => `${name}=${labels[name] ?? '\0'}`).join();
}

/** The VirtualServices of an egress scope, complete; the same array while none of them changes. */
export function completeVirtualServices(egress: EgressScope, lookups: Lookups): readonly VirtualService[] {
  const { memo, scope } = lookups;
  const delegates = memo.get('delegating', [egress.virtualServices], () =>
    egress.virtualServices.some(({ spec }) => (spec.http ?? []).some(({ delegate }) => delegate !== undefined)),
  );
  // Only a list with delegates depends on VirtualServices that it does not hold.
  const others = delegates ? scope.snapshot.config.list('VirtualService') : undefined;
  return memo.get('complete-virtual-services', [egress.virtualServices, scope.snapshot.mesh, others], () =>
    egress.virtualServices.map((virtualService) => resolveVirtualService(virtualService, scope.snapshot, memo)),
  );
}

/** Services by hostname; where several share one, the first of the list. */
export function servicesByHostname(services: readonly Service[], memo: Memo): ReadonlyMap<string, Service> {
  return memo.get('services-by-hostname', [services], () => {
    const byHostname = new Map<string, Service>();
    for (const service of services) {
      const hostname = service.hostname.toLowerCase();
      if (!byHostname.has(hostname)) byHostname.set(hostname, service);
    }
    return byHostname;
  });
}

/** A service that the proxy sees on any of its egress listeners. */
export function findService(hostname: string, lookups: Lookups): Service | undefined {
  for (const { services } of lookups.scope.egress) {
    const found = servicesByHostname(services, lookups.memo).get(hostname);
    if (found) return found;
  }
  return undefined;
}

/**
 * Name of a destination's cluster. Without a port the destination's only port is meant, else the one that traffic came in
 * on. An ExternalName service stands for the name it points to.
 */
export function destinationCluster(destination: Destination, service: Service | undefined, listenPort: number): string {
  const only = service?.ports.length === 1 ? service.ports[0]?.port : undefined;
  const port = destination.port?.number ?? only ?? listenPort;
  return subsetKey('outbound', port, destination.subset ?? '', service?.externalName ?? destination.host);
}
