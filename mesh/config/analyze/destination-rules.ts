// DestinationRules: that their host exists and that a server is not trusted blindly.
import { type ConfigResource, type Service, serviceKey } from '../../../events/model.ts';
import type { Path, Problem } from '../problem.ts';
import type { ClientTLSSettings, DestinationRuleSpec } from '../schemas/destination-rule.ts';
import { finding, hasLabels, type MeshIndex } from './mesh-index.ts';

/** IST0174 (host), IST0173 (subsets), IST0128 and IST0129 (TLS without verification). */
export function analyzeDestinationRules(index: MeshIndex): readonly Problem[] {
  return index.snapshot.config.list<DestinationRuleSpec>('DestinationRule').flatMap((rule) => {
    const { host, trafficPolicy } = rule.spec;
    const problems: Problem[] = [];
    const services = index.servicesFor(host, rule.namespace);
    if (services.length === 0)
      problems.push(
        finding(
          rule,
          ['spec', 'host'],
          'IST0174',
          `no service ${JSON.stringify(host)} is known in or visible to namespace ${rule.namespace}`,
        ),
      );
    problems.push(...emptySubsets(rule, services, index));
    problems.push(...unverified(rule, trafficPolicy?.tls, ['spec', 'trafficPolicy', 'tls'], 'IST0128'));
    for (const [i, settings] of (trafficPolicy?.portLevelSettings ?? []).entries())
      problems.push(
        ...unverified(rule, settings.tls, ['spec', 'trafficPolicy', 'portLevelSettings', i, 'tls'], 'IST0129'),
      );
    return problems;
  });
}

/** Where a host's endpoints are known: those that proxies look up by name have no labels here. */
function emptySubsets(
  rule: ConfigResource<DestinationRuleSpec>,
  services: readonly Service[],
  { snapshot: { registry } }: MeshIndex,
): readonly Problem[] {
  const endpoints = services.flatMap((service) => registry.endpoints(serviceKey(service)));
  if (endpoints.length === 0 || services.some(({ resolution }) => resolution !== 'STATIC')) return [];
  return (rule.spec.subsets ?? []).flatMap(({ name, labels = {} }, i) =>
    endpoints.some((endpoint) => hasLabels(endpoint.labels, labels))
      ? []
      : [finding(rule, ['spec', 'subsets', i], 'IST0173', `subset ${name} selects no endpoint of ${rule.spec.host}`)],
  );
}

function unverified(
  rule: ConfigResource<DestinationRuleSpec>,
  tls: ClientTLSSettings | undefined,
  path: Path,
  code: string,
): readonly Problem[] {
  const verifies = tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL';
  if (tls === undefined || verifies || tls.caCertificates || tls.credentialName) return [];
  return [
    finding(rule, path, code, `mode ${tls.mode} without caCertificates does not verify who ${rule.spec.host} is`),
  ];
}
