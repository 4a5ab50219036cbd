// Lists of API keys as Envoy's api_key_auth filter, with what RBAC has to refuse so that both read a request's key alike.
import { fold } from '../expression/fold.ts';
import type { Action, PolicyRule } from '../rules.ts';
import { knownAttributes, type WorkloadFacts } from '../workload-facts.ts';
import { celAnd, celCall, celConst, celOr } from './cel.ts';
import { headerInCel, NotLowerable } from './envoy-attributes.ts';
import type { Placement } from './placement.ts';

/** Where keys are looked for, in this order, by Envoy and by Mixer (`request.api_key`). */
export const apiKeySources = { header: 'x-api-key', queries: ['key', 'api_key'] } as const;

/** Characters that stand for themselves in headers and in decoded queries. */
const plainKey = /^[A-Za-z0-9._~-]{1,200}$/;

type ListAction = Extract<Action, { kind: 'list' }>;

/** Whether a list rule is about API keys. */
export function listsApiKeys({ value }: ListAction): boolean {
  const { tree } = value;
  const [first] = tree.kind === 'call' && tree.name === 'DEFAULT' ? tree.args : [tree];
  return first?.kind === 'attribute' && first.name === 'request.api_key';
}

/** The place of a rule that lets in who has a listed key. Throws NotLowerable. */
export function lowerApiKeys(rule: PolicyRule, action: ListAction, facts: WorkloadFacts): Placement {
  const { mode, type, entries, denial, value } = action;
  if (mode !== 'ALLOW' || type !== 'STRINGS')
    throw new NotLowerable("Envoy's api_key_auth lets in who has a listed key, and can do nothing else");
  const when = rule.when === undefined ? undefined : fold(rule.when.tree, knownAttributes(facts));
  const isAlways = when === undefined || (when !== 'absent' && when.kind === 'literal' && when.value === true);
  if (!isAlways) throw new NotLowerable("Envoy's api_key_auth is for every request; this rule has a condition");
  const otherwise = value.tree.kind === 'call' ? value.tree.args[1] : undefined;
  if (otherwise !== undefined && (otherwise.kind !== 'literal' || otherwise.value !== ''))
    throw new NotLowerable('another value for who has no key is left to Mixer');
  const keys = [...new Set(entries)];
  if (!keys.every((key) => plainKey.test(key)))
    throw new NotLowerable('keys with characters other than letters, digits and . _ ~ - are left to Mixer');
  // Envoy looks at the first of several headers and takes away a `Bearer `; in Mixer neither is a listed key.
  const header = headerInCel(apiKeySources.header);
  const condition = celAnd(
    header.present,
    celOr(
      celCall('contains', [celConst(',')], header.value),
      celCall('startsWith', [celConst('Bearer ')], header.value),
    ),
  );
  return {
    rule,
    place: 'api-key-auth',
    why: 'the keys are listed here',
    lowered: { denial, condition },
    apiKeys: keys,
  };
}

/** A proxy has one such filter: of several rules the first gets it. */
export function oneApiKeyRule(placements: readonly Placement[]): readonly Placement[] {
  const [first] = placements.filter(({ place }) => place === 'api-key-auth');
  return placements.map((placement): Placement => {
    if (placement.place !== 'api-key-auth' || placement === first) return placement;
    return { rule: placement.rule, place: 'ext-authz', why: `the proxy's api_key_auth filter is ${first?.rule.id}'s` };
  });
}
