// Environment variables of an Envoy: facts of its own, to which configuration that many proxies share refers. Pure.
import { ownFactsVariable } from '../mesh/telemetry/metric-tags.ts';
import { factsText } from '../mesh/telemetry/workload-facts.ts';
import { ownFacts, type ProxyIdentity } from './proxy-node.ts';

/**
 * Istio's variables for custom tags of spans, the workload's own facts for peers, and OpenTelemetry's resource
 * (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables): what is `set` there already stays. The service's name is
 * Pilot's to say, as a provider's `serviceAttributeEnrichment` asks.
 */
export function envoyEnvironment(identity: ProxyIdentity, set = ''): Readonly<Record<string, string>> {
  const facts = ownFacts(identity);
  const resource = {
    'service.namespace': facts.namespace,
    'service.version': facts.canonicalRevision,
    'service.instance.id': identity.name,
  };
  return {
    [ownFactsVariable]: factsText(facts),
    CANONICAL_SERVICE: facts.canonicalName,
    CANONICAL_REVISION: facts.canonicalRevision,
    POD_NAME: identity.name,
    POD_NAMESPACE: identity.namespace,
    ISTIO_META_WORKLOAD_NAME: facts.workload,
    ISTIO_META_CLUSTER_ID: facts.cluster,
    ISTIO_META_MESH_ID: 'cluster.local',
    OTEL_RESOURCE_ATTRIBUTES: [
      ...Object.entries(resource).flatMap(([key, value]) => (isSet(key, set) ? [] : [`${key}=${value}`])),
      ...(set === '' ? [] : [set]),
    ].join(),
  };
}

function isSet(key: string, attributes: string): boolean {
  return attributes.split(',').some((one) => one.trim().startsWith(`${key}=`));
}
