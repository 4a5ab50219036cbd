// What translation left out or could not do as written, in words for people.
import { serviceKey } from '../../../events/model.ts';
import { clusterSpecs } from './clusters/cluster-spec.ts';
import { destinationRuleOf, type MergedRule } from './destination-rules.ts';
import { isLookedUp } from './dynamic-dns.ts';
import { isResolved } from './endpoints/lb-endpoint.ts';
import type { Memo } from './memo.ts';
import { outboundServices } from './outbound-services.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ProxyScope } from './proxy-scope.ts';

/** One line each: endpoints that EDS can't carry, DNS services without a name to look up, what is served otherwise than written. */
export function translationWarnings(scope: ProxyScope, memo: Memo): readonly string[] {
  const { snapshot, context } = scope;
  return outboundServices(scope, memo).flatMap((service) => {
    const rule = destinationRuleOf({ snapshot, context, service, memo });
    const specs = clusterSpecs({ service, rule, context, memo });
    const key = serviceKey(service);
    const unfetched = unfetchedCredential(rule, context);
    if (unfetched) return [unfetched];
    const endpoints = snapshot.registry.endpoints(key);
    if (isLookedUp(service) && context.generator === 'grpc')
      return [`Service/${key}: gRPC clients can't look up names: resolution DYNAMIC_DNS leads to nobody there`];
    if (specs.some(({ discovery }) => discovery === 'EDS')) {
      return endpoints
        .filter(({ address }) => !isResolved(address))
        .map(
          ({ id, address }) =>
            `Service/${key}: endpoint ${id} left out: ${address} is a name, which resolution STATIC can't look up`,
        );
    }
    const looksUp = specs.some(({ discovery }) => discovery.endsWith('_DNS'));
    const nameless = looksUp && endpoints.length === 0 && (service.externalName ?? service.hostname).startsWith('*');
    return nameless ? [`Service/${key}: no endpoints: a wildcard host is no name to look up, and none are listed`] : [];
  });
}

/** A credential that a rule names and sidecars don't fetch (Istio's ClientTLSSettings.credentialName). */
function unfetchedCredential(rule: MergedRule | undefined, context: ProxyContext): string | undefined {
  const [resource] = rule?.resources ?? [];
  if (!resource || context.type === 'router' || resource.spec.workloadSelector) return undefined;
  const name = rule?.trafficPolicy?.tls?.credentialName;
  if (!name) return undefined;
  const { namespace, name: of } = resource;
  return `DestinationRule/${namespace}/${of}: credentialName ${name} is fetched by gateways only, without a workloadSelector`;
}
