// Decides where a rule runs for TCP connections to a workload: in Envoy where that is exact, else in Mixer; rules about requests nowhere.
import type { AttributeValue } from '../attributes.ts';
import { type Folded, fold } from '../expression/fold.ts';
import { nodesOf } from '../expression/tree.ts';
import { treesOf } from '../referenced-headers.ts';
import type { PolicyRule, PolicySet } from '../rules.ts';
import { isFor, type KnownAttributes, knownAttributes, type WorkloadFacts } from '../workload-facts.ts';
import { type Placement, placeWith } from './placement.ts';

/** The places of all rules that are for a workload's TCP connections, in order of precedence: `rbac`, `ext-authz`, `access-log` or `none`. */
export function placeConnectionRules(
  set: PolicySet,
  facts: WorkloadFacts,
  rootNamespace: string,
): readonly Placement[] {
  return set.rules.filter((rule) => isFor(rule, facts, rootNamespace)).map((rule) => placeConnectionRule(rule, facts));
}

/** See the file's first line. */
export function placeConnectionRule(rule: PolicyRule, facts: WorkloadFacts): Placement {
  const why = aboutRequests(rule);
  return why === undefined ? placeWith(rule, facts, connectionAttributes(facts)) : { rule, place: 'none', why };
}

/** Why a rule says nothing about connections; undefined: it does. */
function aboutRequests(rule: PolicyRule): string | undefined {
  const { kind } = rule.action;
  if (kind === 'headers') return 'connections have no headers';
  if (kind === 'quota') return 'quotas count requests';
  // A list of who may send a header would else refuse every connection.
  const read = treesOf(rule).flatMap((tree) =>
    [...nodesOf(tree)].flatMap((node) => (node.kind === 'attribute' && ofRequests(node.name) ? [node.name] : [])),
  );
  return kind === 'report' || read.length === 0 ? undefined : `connections have no ${read[0]}`;
}

const ofRequests = (name: string) => name.startsWith('request.') || name.startsWith('response.');

/** What a proxy can tell of a connection (attribute `connection.event`): when it opens, at intervals while it is open, and when it ends. */
export type ConnectionEvent = 'open' | 'continue' | 'close';

/** The events that some of these report rules could be about; none: the rules are about requests alone. */
export function reportedEvents(rules: readonly PolicyRule[], facts: WorkloadFacts): readonly ConnectionEvent[] {
  return (['open', 'continue', 'close'] as const).filter((event) =>
    rules.some(({ when }) => when === undefined || mayHold(fold(when.tree, knownAt(event, facts)))),
  );
}

function mayHold(condition: Folded): boolean {
  return condition !== 'absent' && (condition.kind !== 'literal' || condition.value === true);
}

function knownAt(event: ConnectionEvent, facts: WorkloadFacts): KnownAttributes {
  return new Map([
    ...knownAttributes(facts),
    ...['context.protocol', 'api.protocol'].map((name) => [name, 'tcp'] as const),
    ['connection.event', event],
  ]);
}

const known = new WeakMap<WorkloadFacts, KnownAttributes>();

/** What is the same for every connection, when it opens. */
function connectionAttributes(facts: WorkloadFacts): KnownAttributes {
  let values = known.get(facts);
  if (values === undefined) known.set(facts, (values = new Map([...knownAttributes(facts), ...whenItOpens])));
  return values;
}

const whenItOpens: readonly (readonly [string, AttributeValue | undefined])[] = [
  ['context.protocol', 'tcp'],
  ['api.protocol', 'tcp'],
  ['connection.event', 'open'],
  ...[
    ...['api.service', 'api.version', 'api.operation', 'connection.duration', 'context.proxy_error_code'],
    ...['connection.received.bytes', 'connection.received.bytes_total'],
    ...['connection.sent.bytes', 'connection.sent.bytes_total'],
    ...['check.error_code', 'check.error_message', 'check.cache_hit', 'quota.cache_hit'],
  ].map((name) => [name, undefined] as const),
];
