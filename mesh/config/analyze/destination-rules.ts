// DestinationRules: that their host exists and that a server is not trusted blindly.
import { type ConfigResource, type Service, serviceKey } from '../../../events/model.ts';
import type { Path, Problem } from '../problem.ts';
import type { ClientTLSSettings, DestinationRuleSpec } from '../schemas/destination-rule.ts';
import { finding, hasLabels, type MeshIndex, nameOf } from './mesh-index.ts';

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
          `The host ${host} defined in the DestinationRule does not match any services in the mesh.`,
        ),
      );
    problems.push(...emptySubsets(rule, services, index));
    problems.push(...unverified(rule, trafficPolicy?.tls, { path: ['spec', 'trafficPolicy', 'tls'], code: 'IST0128' }));
    for (const [i, settings] of (trafficPolicy?.portLevelSettings ?? []).entries())
      problems.push(
        ...unverified(rule, settings.tls, {
          path: ['spec', 'trafficPolicy', 'portLevelSettings', i, 'tls'],
          code: 'IST0129',
          port: settings.port?.number,
        }),
      );
    return problems;
  });
}

/** Where a host's endpoints are known, or the pods of its services: those that proxies look up by name have no labels here. */
function emptySubsets(
  rule: ConfigResource<DestinationRuleSpec>,
  services: readonly Service[],
  { snapshot: { registry }, shown }: MeshIndex,
): readonly Problem[] {
  const known = services.flatMap((service) => registry.endpoints(serviceKey(service)));
  const isOfPods = shown.isComplete || services.some(({ selector }) => selector !== undefined);
  const pods = isOfPods ? shown.pods : [];
  const endpoints = [...known, ...pods.map(({ metadata }) => ({ labels: metadata.labels ?? {} }))];
  const isLookedUp = services.some(({ resolution, headless }) => resolution !== 'STATIC' && !headless);
  if ((endpoints.length === 0 && !shown.isComplete) || services.length === 0 || isLookedUp) return [];
  return (rule.spec.subsets ?? []).flatMap(({ name, labels = {} }, i) =>
    endpoints.some((endpoint) => hasLabels(endpoint.labels, labels))
      ? []
      : [
          finding(
            rule,
            ['spec', 'subsets', i],
            'IST0173',
            `The Subset ${name} defined in the DestinationRule does not select any pods. Which may lead to 503 UH (NoHealthyUpstream).`,
          ),
        ],
  );
}

/** Sidecars take a credentialName where the rule selects workloads alone. */
function unverified(
  rule: ConfigResource<DestinationRuleSpec>,
  tls: ClientTLSSettings | undefined,
  { path, code, port }: { readonly path: Path; readonly code: string; readonly port?: number | undefined },
): readonly Problem[] {
  const isPlain = tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL';
  if (tls === undefined || isPlain || tls.caCertificates) return [];
  if (tls.credentialName && rule.spec.workloadSelector) return [];
  const at = port === undefined ? '' : ` at port number:${port}`;
  const message = `DestinationRule ${nameOf(rule)} in namespace ${rule.namespace} has TLS mode set to ${tls.mode} but no caCertificates are set to validate server identity for host: ${rule.spec.host}${at}`;
  return [finding(rule, path, code, message)];
}
