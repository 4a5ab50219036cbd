// Decides what a subscription is sent next, given the newest resource set: pure, the second half of the subscription state machine.
//
// "xds_protocol" is envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol; quoted words name its section.
import { createHash } from 'node:crypto';
import { type EncodedResource, type ResourceSet, typeUrls } from '../translate/translation.ts';
import { covers, type Interest, nothingSelected, type Selection, type Selections } from './selection.ts';
import { type Gate, interestOf, isFullStateType, type Plan, type Subscription } from './subscription.ts';

/** `send` it; or `accept` it without a response, as there is nothing in it for this client; or `wait`. */
export type Decision = { readonly kind: 'send' | 'accept'; readonly plan: Plan } | { readonly kind: 'wait' };

const wait: Decision = { kind: 'wait' };
const noLingering: ReadonlyMap<string, EncodedResource | undefined> = new Map();

/** One response per type is in flight at most: the client's answer decides what comes next, and memory stays bounded. */
export function planNext(subscription: Subscription, set: ResourceSet, gate: Gate, selections: Selections): Decision {
  if (!subscription.started || subscription.inFlight) return wait;
  if (subscription.base === undefined) return planFirst(subscription, set, selections);
  if (subscription.protocol === 'sotw' && isFullStateType(subscription.typeUrl)) {
    return planFullState(subscription, subscription.base, set, { gate, selections });
  }
  return planChanges(subscription, subscription.base, set, { gate, selections });
}

/** Whether `planNext` has nothing to do, whatever the gate: the client has been sent this very set and all that it asked for. */
export function isSettled({ base, due, lingering }: Subscription, set: ResourceSet): boolean {
  return base === set && due !== 'all' && due.size === 0 && lingering.size === 0;
}

/** The first response of a type on a stream. */
function planFirst(subscription: Subscription, set: ResourceSet, selections: Selections): Decision {
  const { protocol, typeUrl, wildcard, named, initial } = subscription;
  const interest = interestOf(subscription);
  const plan = { set, version: set.version, whole: true, first: true, kept: [], lingering: noLingering };
  const nothing: Decision = { kind: 'accept', plan: { ...plan, selection: nothingSelected } };
  if (!wildcard && named.size === 0) return nothing;
  if (protocol === 'delta') {
    const isNew = initial.versions.size === 0;
    const said = isNew ? wholeState(subscription, set, selections) : sinceInitial(set, subscription, initial.versions);
    const selection = sayable(subscription, said, set);
    const isEmpty = selection.updated.length + selection.removed.length === 0;
    const send = isNew ? saysRemovals(subscription) || !isEmpty : !isEmpty;
    return send ? { kind: 'send', plan: { ...plan, selection, whole: isNew } } : nothing;
  }
  // "it is generally safe for servers to do this optimization for LDS and CDS when the only subscription is a wildcard subscription":
  // not resending what the client had on its previous stream (xds_protocol, "ACK/NACK and resource type instance version").
  if (wildcard && named.size === 0 && isFullStateType(typeUrl) && initial.setVersion === set.version) return nothing;
  const selection = withoutRemovals(selections.whole(set, interest));
  // Of the other types SotW can't say that a name does not exist; "clients are expected to use a timeout" ("Knowing When a Requested
  // Resource Does Not Exist").
  if (selection.updated.length === 0 && !isFullStateType(typeUrl)) return nothing;
  return { kind: 'send', plan: { ...plan, selection } };
}

/** What a reconnecting delta client lacks, and what it kept or asks for that is gone (xds_protocol, "Incremental xDS", reconnect). */
function sinceInitial(set: ResourceSet, subscription: Subscription, versions: ReadonlyMap<string, string>): Selection {
  const interest = interestOf(subscription);
  const updated: EncodedResource[] = [];
  const removed = new Set<string>();
  for (const name of interest === 'all' ? set.names() : interest.names) {
    const resource = set.get(name);
    if (resource === undefined) removed.add(name);
    else if (versions.get(name) !== resource.version) updated.push(resource);
  }
  for (const name of [...versions.keys(), ...subscription.named.names]) {
    if (covers(interest, name) && set.get(name) === undefined) removed.add(name);
  }
  return updated.length + removed.size === 0 ? nothingSelected : { updated, removed: [...removed] };
}

/**
 * Whether "this does not exist" can be said of every name: SotW has no words for it, and of a secret it may be untrue in a moment (its
 * key is still being read). Envoy goes on with the secret it has whatever is said, and opens a listener that waits for one.
 */
function saysRemovals({ protocol, typeUrl }: Subscription): boolean {
  return protocol === 'delta' && typeUrl !== typeUrls.secret;
}

/** What of a selection can be said: see `saysRemovals`; of secrets, that those are missing that were looked for in vain. */
function sayable(subscription: Subscription, selection: Selection, { absent }: ResourceSet): Selection {
  if (saysRemovals(subscription)) return selection;
  if (subscription.protocol === 'sotw' || absent === undefined) return withoutRemovals(selection);
  const removed = selection.removed.filter((name) => absent.has(name));
  return removed.length === selection.removed.length ? selection : { updated: selection.updated, removed };
}

/** The selection with what `target`, unlike `base`, knows not to exist: who waits for it needs to wait no more. */
function withAbsent(selection: Selection, base: ResourceSet, target: ResourceSet, interest: Interest): Selection {
  if (target.absent === undefined || target === base) return selection;
  const news = [...target.absent].filter((name) => covers(interest, name) && !base.absent?.has(name));
  if (news.length === 0) return selection;
  return { updated: selection.updated, removed: [...new Set([...selection.removed, ...news])] };
}

/** Everything of interest, and an answer for names that do not exist, those named beside a wildcard included. */
function wholeState(subscription: Subscription, set: ResourceSet, selections: Selections): Selection {
  const selection = selections.whole(set, interestOf(subscription));
  if (!subscription.wildcard || subscription.named.size === 0) return selection;
  const missing = [...subscription.named.names].filter((name) => set.get(name) === undefined);
  return missing.length === 0 ? selection : { updated: selection.updated, removed: missing };
}

interface Means {
  readonly gate: Gate;
  readonly selections: Selections;
}

/**
 * SotW's Listeners and Clusters: "the server must include the complete state of the world" (xds_protocol, "Grouping Resources into
 * Responses"), so what must not go yet is kept in the state, and a second response without it follows.
 */
function planFullState(
  subscription: Subscription,
  base: ResourceSet,
  set: ResourceSet,
  { gate, selections }: Means,
): Decision {
  const interest = interestOf(subscription);
  const asked = subscription.due === 'all' || subscription.due.size > 0;
  if (!gate.changes && !asked) return wait;
  const changes = selections.between(base, set, interest);
  const lingering = stillLingering(subscription, set, interest);
  for (const name of changes.removed) lingering.set(name, base.get(name));
  const whole = withoutRemovals(selections.whole(set, interest));
  const plan = { set, whole: true, first: false };
  if (gate.removals || lingering.size === 0) {
    const send = asked || changes !== nothingSelected || lingering.size > 0;
    const final = { ...plan, selection: whole, version: set.version, kept: [], lingering: noLingering };
    return decide(send, final, base);
  }
  const keptResources = [...lingering.values()].filter((resource) => resource !== undefined);
  const union = {
    ...plan,
    selection: { updated: [...whole.updated, ...keptResources], removed: [] },
    version: `${set.version}+${contentHash(keptResources)}`,
    kept: [...lingering.keys()],
    lingering,
  };
  return decide(asked || changes.updated.length > 0, union, base);
}

/** Delta, and SotW's other types, which "are grouped into responses in the same way as in the incremental protocol variants". */
function planChanges(
  subscription: Subscription,
  base: ResourceSet,
  set: ResourceSet,
  { gate, selections }: Means,
): Decision {
  const interest = interestOf(subscription);
  const { due, protocol } = subscription;
  if (due === 'all') {
    const selection = wholeState(subscription, set, selections);
    const plan = { set, version: set.version, whole: true, first: false, kept: [], lingering: noLingering, selection };
    return decide(true, { ...plan, selection: sayable(subscription, selection, set) }, base);
  }
  if (!gate.changes && due.size === 0) return wait;
  const target = gate.changes ? set : base;
  const changes = selections.between(base, target, interest);
  // What is known to be absent may be news where nothing has changed.
  if (target.absent === undefined && isPlainChange(subscription, changes))
    return decide(changes.updated.length > 0, plainPlan(changes, set, target), base);
  const lingering = stillLingering(subscription, set, interest);
  if (protocol === 'delta') for (const name of changes.removed) lingering.set(name, undefined);
  for (const name of due) lingering.delete(name);
  const extra = new Set(due);
  if (meetsRejected(subscription.rejected, changes)) for (const name of subscription.rejected.keys()) extra.add(name);
  const selection = combine({ changes, extra, set, interest, released: gate.removals ? lingering : noLingering });
  const plan = {
    set: target,
    version: set.version,
    whole: false,
    first: false,
    kept: [],
    lingering: gate.removals ? noLingering : lingering,
    selection: sayable(subscription, withAbsent(selection, base, target, interest), target),
  };
  return decide(plan.selection.updated.length + plan.selection.removed.length > 0, plan, base);
}

/** Whether the changes are all there is to send: the case of nearly every change and stream. */
function isPlainChange({ due, rejected, lingering }: Subscription, { removed }: Selection): boolean {
  return removed.length === 0 && due !== 'all' && due.size === 0 && rejected.size === 0 && lingering.size === 0;
}

/** Plans by what they hold: streams that are sent the same share one. */
const plainPlans = new WeakMap<Selection, Plan>();

function plainPlan(selection: Selection, set: ResourceSet, target: ResourceSet): Plan {
  const known = plainPlans.get(selection);
  if (known?.set === target && known.version === set.version) return known;
  const whole = { whole: false, first: false, kept: [], lingering: noLingering };
  const plan = { ...whole, set: target, version: set.version, selection };
  plainPlans.set(selection, plan);
  return plan;
}

/** The changes' updates, what else is owed, and the removals that are free to go; the changes themselves where nothing else is. */
function combine(parts: {
  readonly changes: Selection;
  readonly extra: ReadonlySet<string>;
  readonly set: ResourceSet;
  readonly interest: Interest;
  readonly released: ReadonlyMap<string, unknown>;
}): Selection {
  const { changes, extra, set, interest, released } = parts;
  if (
    extra.size === 0 &&
    released.size === changes.removed.length &&
    changes.removed.every((name) => released.has(name))
  )
    return changes;
  const updated = new Map(changes.updated.map((resource) => [resource.name, resource]));
  const removed = new Set(released.keys());
  for (const name of extra) {
    const resource = set.get(name);
    if (resource) updated.set(name, resource);
    // "the server will send a DeltaDiscoveryResponse message that contains that resource's name in the removed_resources field"
    // (xds_protocol, "Knowing When a Requested Resource Does Not Exist"); also the answer to a name unsubscribed under a wildcard.
    else removed.add(name);
  }
  for (const name of extra) if (!covers(interest, name)) updated.delete(name);
  if (updated.size + removed.size === 0) return nothingSelected;
  return { updated: [...updated.values()], removed: [...removed] };
}

/** Whether a refused content has changed: then everything that was refused is tried again with it, for it came in one response. */
function meetsRejected(rejected: Subscription['rejected'], changes: Selection): boolean {
  if (rejected.size === 0) return false;
  const changed = ({ name, version }: EncodedResource) => rejected.has(name) && rejected.get(name) !== version;
  return (
    changes.updated.some(changed) || changes.removed.some((name) => rejected.has(name) && rejected.get(name) !== '')
  );
}

function stillLingering(
  subscription: Subscription,
  set: ResourceSet,
  interest: Interest,
): Map<string, EncodedResource | undefined> {
  const still = new Map<string, EncodedResource | undefined>();
  for (const [name, resource] of subscription.lingering) {
    if (covers(interest, name) && set.get(name) === undefined) still.set(name, resource);
  }
  return still;
}

function decide(send: boolean, plan: Plan, base: ResourceSet): Decision {
  if (send) return { kind: 'send', plan };
  return plan.set === base && plan.lingering.size === 0 ? wait : { kind: 'accept', plan };
}

const stripped = new WeakMap<Selection, Selection>();

/** SotW responses have no removals; the same object each time, so that its encoding is shared. */
function withoutRemovals(selection: Selection): Selection {
  if (selection.removed.length === 0) return selection;
  let rest = stripped.get(selection);
  if (rest === undefined) stripped.set(selection, (rest = { updated: selection.updated, removed: [] }));
  return rest;
}

function contentHash(resources: readonly EncodedResource[]): string {
  const hash = createHash('sha256');
  for (const { name, version } of resources) hash.update(`${name}\0${version}\0`);
  return hash.digest('hex').slice(0, 16);
}
