// Which credentials a proxy's Gateways and DestinationRules name: what it may ask for over SDS, and nothing else.
import type { DestinationRuleSpec, TrafficPolicy } from '../../../../mesh/config/schemas/destination-rule.ts';
import type { ServerTLSSettings } from '../../../../mesh/config/schemas/gateway.ts';
import { caSecretName, certificateSecretName } from '../clusters/secret-config.ts';
import { matchesLabels } from '../compute-proxy-scope.ts';
import { mergedGateways } from '../gateways/merge-gateways.ts';
import { compareNames } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import type { Lookups } from '../routes/lookups.ts';
import { isExportedTo } from '../visibility.ts';

const scheme = 'kubernetes://';
const caSuffix = '-cacert';
/** RFC 1123 subdomain: what a Secret may be called, and nothing that could be mistaken for a path. */
const secretName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** SDS resource names that the proxy may ask for, sorted; the same array while they are the same. */
export function credentialNames(lookups: Lookups): readonly string[] {
  const { scope, memo } = lookups;
  const { context, snapshot } = scope;
  if (context.generator === 'grpc') return [];
  const servers = context.type === 'router' ? mergedGateways(lookups).ports.flatMap((port) => port.servers) : [];
  const rules = snapshot.config.list<DestinationRuleSpec>('DestinationRule');
  const fromRules = memo.get('credentials-of-rules', [rules, snapshot.mesh, context], () => ruleNames(lookups));
  const names = new Set([...servers.flatMap(({ server }) => serverNames(server.tls)), ...fromRules]);
  return memo.stable('credential-names', context, [...names].filter(isServed).sort(compareNames));
}

/** Where the content of an SDS resource is kept, best first: `NAMESPACE/NAME`. Istio: CA certificates may be beside the certificate. */
export function credentialKeysOf(
  resourceName: string,
  { namespace }: Pick<ProxyContext, 'namespace'>,
): readonly string[] {
  if (!isServed(resourceName)) return [];
  const name = resourceName.slice(scheme.length);
  return isCaSecret(resourceName)
    ? [`${namespace}/${name}`, `${namespace}/${name.slice(0, -caSuffix.length)}`]
    : [`${namespace}/${name}`];
}

/** Whether the resource is what peers are checked against. */
export function isCaSecret(resourceName: string): boolean {
  return resourceName.endsWith(caSuffix) && resourceName.length > scheme.length + caSuffix.length;
}

function isServed(resourceName: string): boolean {
  const name = resourceName.slice(scheme.length);
  return resourceName.startsWith(scheme) && name.length <= 253 && secretName.test(name);
}

function serverNames(tls: ServerTLSSettings | undefined): readonly string[] {
  if (!tls) return [];
  const named = tls.credentialNames?.length ? tls.credentialNames : tls.credentialName ? [tls.credentialName] : [];
  switch (tls.mode) {
    case 'SIMPLE':
      return named.map(certificateSecretName);
    case 'MUTUAL':
    case 'OPTIONAL_MUTUAL': {
      const [first] = named;
      const authority = first === undefined ? [] : [caSecretName(tls.caCertCredentialName || first)];
      return [...named.map(certificateSecretName), ...authority];
    }
    default:
      return [];
  }
}

/** Gateways use what any rule that they see names; sidecars what their own namespace's rules for selected workloads name (Istio's ClientTLSSettings). */
function ruleNames({ scope: { snapshot, context } }: Lookups): readonly string[] {
  const defaults = snapshot.mesh.defaultDestinationRuleExportTo;
  return snapshot.config.list<DestinationRuleSpec>('DestinationRule').flatMap(({ spec, namespace: ownNamespace }) => {
    const selector = spec.workloadSelector?.matchLabels ?? {};
    const isSelected = ownNamespace === context.namespace && matchesLabels(selector, context.labels);
    const { namespace } = context;
    const isSeen = isExportedTo({ exportTo: spec.exportTo, defaults, ownNamespace, namespace });
    const applies = Object.keys(selector).length > 0 ? isSelected : context.type === 'router' && isSeen;
    return applies ? policyNames(spec) : [];
  });
}

function policyNames(spec: DestinationRuleSpec): readonly string[] {
  const policies = [spec.trafficPolicy, ...(spec.subsets ?? []).map((subset) => subset.trafficPolicy)];
  return policies.flatMap((policy) => [policy, ...(policy?.portLevelSettings ?? [])]).flatMap(tlsNames);
}

function tlsNames(policy: Pick<TrafficPolicy, 'tls'> | undefined): readonly string[] {
  const { mode, credentialName } = policy?.tls ?? {};
  if (!credentialName || (mode !== 'SIMPLE' && mode !== 'MUTUAL')) return [];
  const authority = caSecretName(credentialName);
  return mode === 'MUTUAL' ? [certificateSecretName(credentialName), authority] : [authority];
}
