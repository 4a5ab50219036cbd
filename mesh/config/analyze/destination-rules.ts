// DestinationRules: that their host exists and that a server is not trusted blindly.
import type { ConfigResource } from '../../../events/model.ts';
import type { Path, Problem } from '../problem.ts';
import type { ClientTLSSettings, DestinationRuleSpec } from '../schemas/destination-rule.ts';
import { finding, type MeshIndex } from './mesh-index.ts';

/** IST0101 (host), IST0128 and IST0129 (TLS without verification). */
export function analyzeDestinationRules(index: MeshIndex): readonly Problem[] {
  return index.snapshot.config.list<DestinationRuleSpec>('DestinationRule').flatMap((rule) => {
    const { host, trafficPolicy } = rule.spec;
    const problems: Problem[] = [];
    if (index.servicesFor(host, rule.namespace).length === 0)
      problems.push(
        finding(
          rule,
          ['spec', 'host'],
          'IST0101',
          `no service ${JSON.stringify(host)} is known in or visible to namespace ${rule.namespace}`,
        ),
      );
    problems.push(...unverified(rule, trafficPolicy?.tls, ['spec', 'trafficPolicy', 'tls'], 'IST0128'));
    for (const [i, settings] of (trafficPolicy?.portLevelSettings ?? []).entries())
      problems.push(
        ...unverified(rule, settings.tls, ['spec', 'trafficPolicy', 'portLevelSettings', i, 'tls'], 'IST0129'),
      );
    return problems;
  });
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
