// Lines for people about routing rules, traffic policies and selectors.
import type { ConfigResource } from '../../../events/model.ts';
import type {
  Destination,
  HTTPMatchRequest,
  HTTPRoute,
  StringMatch,
  VirtualServiceSpec,
} from '../../../mesh/config/schemas/virtual-service.ts';

/** One line a rule, in order: `uri prefix /v2 → reviews v2 (80 %), reviews v3 (20 %); timeout 5s`. */
export function ruleLines(spec: VirtualServiceSpec): readonly string[] {
  return [
    ...(spec.http ?? []).map(httpLine),
    ...(spec.tls ?? []).map(
      ({ match, route }) => `SNI ${match.flatMap(({ sniHosts }) => sniHosts).join(', ')} → ${targets(route ?? [])}`,
    ),
    ...(spec.tcp ?? []).map(({ route }) => `TCP → ${targets(route ?? [])}`),
  ];
}

/** `loadBalancer {"simple":"RANDOM"}`: one line a setting that is made. */
export function policyLines(policy: object | undefined): readonly string[] {
  return Object.entries(policy ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`);
}

/** Why a resource with an optional selector is for a workload. */
export function selectionOf(
  { namespace }: Pick<ConfigResource, 'namespace'>,
  selector: Readonly<Record<string, string>> | undefined,
  rootNamespace: string,
): string {
  const labels = Object.entries(selector ?? {}).map(([name, value]) => `${name}=${value}`);
  const area = namespace === rootNamespace ? `the whole mesh (root namespace ${namespace})` : `namespace ${namespace}`;
  return labels.length === 0 ? `for ${area}` : `for ${area}, selects ${labels.join(', ')}`;
}

function httpLine(rule: HTTPRoute): string {
  const matches = (rule.match ?? []).map(matchText).filter((text) => text !== '');
  const when = matches.length === 0 ? 'any request' : matches.join(' or ');
  const extras = [
    ...(rule.timeout ? [`timeout ${rule.timeout}`] : []),
    ...(rule.retries ? [`retries ${rule.retries.attempts ?? 0}`] : []),
    ...(rule.fault ? ['fault injection'] : []),
    ...(rule.mirror || rule.mirrors?.length ? ['mirrored'] : []),
    ...(rule.rewrite ? ['rewritten'] : []),
  ];
  const named = rule.name ? `${rule.name}: ` : '';
  return [`${named}${when} → ${actionText(rule)}`, ...extras].join('; ');
}

function actionText(rule: HTTPRoute): string {
  if (rule.redirect) return `redirect to ${rule.redirect.authority ?? ''}${rule.redirect.uri ?? ''}`.trim();
  if (rule.directResponse) return `answer ${rule.directResponse.status}`;
  if (rule.delegate)
    return `delegate ${rule.delegate.namespace ? `${rule.delegate.namespace}/` : ''}${rule.delegate.name}`;
  return targets(rule.route ?? []);
}

function targets(routes: readonly { readonly destination: Destination; readonly weight?: number }[]): string {
  const isSplit = routes.length > 1;
  const text = routes.map(({ destination: { host, subset, port }, weight }) => {
    const name = `${host}${port?.number ? `:${port.number}` : ''}${subset ? ` ${subset}` : ''}`;
    return isSplit ? `${name} (${weight ?? 0} %)` : name;
  });
  return text.join(', ') || 'nothing';
}

function matchText(match: HTTPMatchRequest): string {
  const parts: string[] = [];
  for (const name of ['uri', 'scheme', 'method', 'authority'] as const) {
    const value = match[name];
    if (value) parts.push(`${name} ${stringText(value)}`);
  }
  for (const [name, value] of Object.entries(match.headers ?? {})) parts.push(`header ${name} ${stringText(value)}`);
  for (const name of Object.keys(match.withoutHeaders ?? {})) parts.push(`without header ${name}`);
  for (const [name, value] of Object.entries(match.queryParams ?? {})) parts.push(`query ${name} ${stringText(value)}`);
  for (const [name, value] of Object.entries(match.sourceLabels ?? {})) parts.push(`from ${name}=${value}`);
  if (match.sourceNamespace) parts.push(`from namespace ${match.sourceNamespace}`);
  if (match.port) parts.push(`port ${match.port}`);
  return parts.join(', ');
}

function stringText(value: StringMatch): string {
  return Object.entries<string | undefined>({ ...value })
    .map(([kind, text = '']) => `${kind} ${text}`)
    .join(' ');
}
