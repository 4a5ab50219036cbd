// What one stream is subscribed to of one resource type, in SotW and delta alike: a pure state machine without transport or clock.
//
// "xds_protocol" is envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol; quoted words name its section.
import type { EncodedResource, ResourceSet } from '../translate/translation.ts';
import { typeUrls } from '../translate/translation.ts';
import { NameSet, noNames } from './name-set.ts';
import type { DeltaRequest, SotwRequest, XdsRequest } from './request-codec.ts';
import type { Protocol } from './response-codec.ts';
import { covers, type Interest, isEmpty, type Selection, type Selections } from './selection.ts';

/** Something to send: the selection, and what the client will hold when it has taken it. */
export interface Plan {
  readonly selection: Selection;
  readonly set: ResourceSet;
  /** `version_info`; content hash of what the response brings the client to. */
  readonly version: string;
  /** True when the selection is the type's whole state of this stream, not a change to it. */
  readonly whole: boolean;
  /** True for a type's first response on the stream. */
  readonly first: boolean;
  /** Names in the selection that the newest set no longer has and that are kept until their users are gone. */
  readonly kept: readonly string[];
  /** Names not in the newest set that the client still holds after this. */
  readonly lingering: ReadonlyMap<string, EncodedResource | undefined>;
}

/** A response that was sent and neither ACKed nor NACKed yet. */
export interface InFlight {
  readonly nonce: string;
  readonly position: number;
  readonly sentMs: number;
  readonly plan: Plan;
}

/** See the file's first line. */
export interface Subscription {
  readonly protocol: Protocol;
  readonly typeUrl: string;
  /** A request for the type has arrived. */
  readonly started: boolean;
  readonly wildcard: boolean;
  /** The wildcard comes from never having named anything: naming ends it. */
  readonly legacyWildcard: boolean;
  readonly named: NameSet;
  /** The client holds, or is being sent, this set as far as it is of interest, apart from `due` and `rejected`; undefined: nothing sent yet. */
  readonly base: ResourceSet | undefined;
  /** Names to send whatever the client may hold; 'all' after a new wildcard. */
  readonly due: ReadonlySet<string> | 'all';
  /** What the client says it kept from an earlier stream; used up by the first plan. */
  readonly initial: { readonly versions: ReadonlyMap<string, string>; readonly setVersion: string };
  readonly inFlight: InFlight | undefined;
  /** The last nonce sent, '' before the first. */
  readonly lastNonce: string;
  /** Contents that the client refused: version by name, '' for a refused removal. Not sent again until one of them changes. */
  readonly rejected: ReadonlyMap<string, string>;
  /** Names that left the set while others may still use them: removed later. The resource's bytes are kept for SotW's full states. */
  readonly lingering: ReadonlyMap<string, EncodedResource | undefined>;
}

/** What may be sent now (push-order.ts decides). */
export interface Gate {
  /** False: hold changes back, answer only what the client asked for. */
  readonly changes: boolean;
  /** False: hold removals back. */
  readonly removals: boolean;
}

/** Nothing held back. */
export const openGate: Gate = { changes: true, removals: true };

/** What a request was, apart from changing the subscription. */
export type Reception =
  | {
      readonly kind: 'ack' | 'nack';
      readonly of: InFlight;
      readonly error?: { readonly code: number; readonly message: string };
    }
  | { readonly kind: 'stale' }
  | { readonly kind: 'request' };

const nothingDue: ReadonlySet<string> = new Set();
const nothingHeld: ReadonlyMap<string, never> = new Map<string, never>();
const nothingInitial: Subscription['initial'] = { versions: nothingHeld, setVersion: '' };

/** A subscription before its first request. */
export function newSubscription(protocol: Protocol, typeUrl: string): Subscription {
  return {
    protocol,
    typeUrl,
    started: false,
    wildcard: false,
    legacyWildcard: false,
    named: noNames,
    base: undefined,
    due: nothingDue,
    initial: { versions: nothingHeld, setVersion: '' },
    inFlight: undefined,
    lastNonce: '',
    rejected: nothingHeld,
    lingering: nothingHeld,
  };
}

/** Listener and Cluster: they have wildcards, and SotW responses hold their full state (xds_protocol, "Grouping Resources into Responses"). */
export function isFullStateType(typeUrl: string): boolean {
  return typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener;
}

/** Which resources the client wants. */
export function interestOf(subscription: Subscription): Interest {
  return subscription.wildcard ? 'all' : subscription.named;
}

/** Takes in a request. */
export function receive(subscription: Subscription, request: XdsRequest): { next: Subscription; reception: Reception } {
  if (request.protocol === 'delta') {
    // A delta request with a stale nonce still changes the subscription: the nonce "should *not* be used to reject stale requests"
    // (xds_protocol, "Incremental xDS").
    const { next, reception } = settle(subscription, request);
    return { next: subscribeDelta(next, request), reception };
  }
  // "The management server should not send a DiscoveryResponse for any DiscoveryRequest that has a stale nonce" (xds_protocol,
  // "Resource updates"): the client repeats its names with the nonce of the newer response. A nonce does not survive a stream, so
  // before this stream's first response any is taken.
  if (subscription.lastNonce !== '' && request.nonce !== subscription.lastNonce)
    return { next: subscription, reception: { kind: 'stale' } };
  const { next, reception } = settle(subscription, request);
  return { next: subscribeSotw(next, request), reception };
}

/** ACK: the response is in force. NACK: it is remembered as rejected. Only `error_detail` tells them apart (xds_protocol, "NACK"). */
function settle(subscription: Subscription, request: XdsRequest): { next: Subscription; reception: Reception } {
  const of = subscription.inFlight;
  if (request.nonce === '') return { next: subscription, reception: { kind: 'request' } };
  if (of === undefined || request.nonce !== of.nonce) {
    // SotW clients use the last nonce in every request, so one without a response in flight is a changed list of names.
    return { next: subscription, reception: { kind: request.nonce === subscription.lastNonce ? 'request' : 'stale' } };
  }
  if (!request.error && subscription.rejected.size === 0)
    return { next: { ...subscription, inFlight: undefined }, reception: { kind: 'ack', of } };
  const rejected = new Map(subscription.rejected);
  const { updated, removed } = of.plan.selection;
  const contents = [
    ...updated.map(({ name, version }) => [name, version] as const),
    ...removed.map((name) => [name, ''] as const),
  ];
  for (const [name, version] of contents) {
    if (request.error) rejected.set(name, version);
    else rejected.delete(name);
  }
  const next = { ...subscription, inFlight: undefined, rejected };
  if (request.error) return { next, reception: { kind: 'nack', of, error: request.error } };
  return { next, reception: { kind: 'ack', of } };
}

/**
 * Applies SotW's list of names. "if the client sends a request for a given resource type but has never explicitly subscribed to any
 * resource names, the server should treat that identically to … '*'. However, once the client does explicitly subscribe to a resource
 * name, then this legacy semantic is no longer available" (xds_protocol, "How the client specifies what resources to return").
 */
function subscribeSotw(subscription: Subscription, request: SotwRequest): Subscription {
  const explicit = request.names.has('*');
  const named = explicit ? request.names.without(star) : request.names;
  const legacyWildcard =
    request.names.size === 0 && (subscription.started ? subscription.legacyWildcard : isFullStateType(request.typeUrl));
  const wildcard = explicit || legacyWildcard;
  const added = wildcard && !subscription.wildcard ? ('all' as const) : addedNames(subscription, named, wildcard);
  return {
    ...subscription,
    started: true,
    wildcard,
    legacyWildcard,
    named,
    due: subscription.base === undefined ? nothingDue : mergeDue(subscription.due, added),
    initial: subscription.started ? subscription.initial : { versions: nothingHeld, setVersion: request.version },
    rejected: forget(subscription.rejected, added),
  };
}

/**
 * Names that were not subscribed to before: "the server must resend any newly requested resources, even if it previously sent those
 * resources without having been asked for them" (same section). That covers unsubscribed names that come back.
 */
function addedNames(subscription: Subscription, named: NameSet, wildcard: boolean): ReadonlySet<string> {
  if (named === subscription.named || wildcard) return nothingDue;
  const added = new Set<string>();
  for (const name of named.names) if (!subscription.named.has(name)) added.add(name);
  return added;
}

const star = new NameSet(['*']);

function subscribeDelta(subscription: Subscription, request: DeltaRequest): Subscription {
  const first = !subscription.started;
  // An answer and nothing else.
  if (!first && request.subscribe.size === 0 && request.unsubscribe.size === 0) return subscription;
  const named = subscription.named.union(request.subscribe).without(request.unsubscribe).without(star);
  const legacyWildcard = first
    ? // "(legacy behavior) the request must have no resources in both resource_names_subscribe and resource_names_unsubscribe"
      // (xds_protocol, "Incremental xDS").
      isFullStateType(request.typeUrl) && request.subscribe.size === 0 && request.unsubscribe.size === 0
    : subscription.legacyWildcard && !request.unsubscribe.has('*');
  // "Server interprets this as continuing the existing subscription to '*' and adding a new subscription to 'A'" ("How the client
  // specifies …"): unlike SotW, naming a resource keeps the legacy wildcard until '*' is unsubscribed from.
  const wildcard =
    (subscription.wildcard || legacyWildcard || request.subscribe.has('*')) && !request.unsubscribe.has('*');
  const asked = wildcard && !subscription.wildcard ? ('all' as const) : askedNames(subscription, request, wildcard);
  return {
    ...subscription,
    started: true,
    wildcard,
    legacyWildcard,
    named,
    due: subscription.base === undefined ? nothingDue : mergeDue(prune(subscription.due, named, wildcard), asked),
    initial: first ? { versions: request.initialVersions, setVersion: '' } : subscription.initial,
    lingering: pruneLingering(subscription.lingering, named, wildcard),
    rejected: forget(subscription.rejected, asked),
  };
}

/**
 * Names to answer for. "The server *must* still provide those resources …; the client may have 'forgotten' those resources despite
 * apparently remaining subscribed" (xds_protocol, "Subscribing to Resources"). And a name unsubscribed from under a wildcard: "the
 * server must send a response that includes the specific resource in either the removed_resources field … or in the resources field"
 * ("Unsubscribing from Resources"); one that was not subscribed to is ignored.
 */
function askedNames(subscription: Subscription, request: DeltaRequest, wildcard: boolean): ReadonlySet<string> {
  if (request.subscribe.size === 0 && request.unsubscribe.size === 0) return nothingDue;
  const asked = new Set<string>();
  for (const name of request.subscribe.names) if (name !== '*' && !request.unsubscribe.has(name)) asked.add(name);
  if (wildcard) for (const name of request.unsubscribe.names) if (subscription.named.has(name)) asked.add(name);
  return asked;
}

function mergeDue(due: Subscription['due'], more: Subscription['due']): Subscription['due'] {
  if (due === 'all' || more === 'all') return 'all';
  if (more.size === 0) return due;
  return due.size === 0 ? more : new Set([...due, ...more]);
}

/** What the client asked for again is sent again, even if it was refused before. */
function forget(rejected: Subscription['rejected'], asked: Subscription['due']): Subscription['rejected'] {
  if (rejected.size === 0 || asked === nothingDue) return rejected;
  if (asked === 'all') return nothingHeld;
  return new Map([...rejected].filter(([name]) => !asked.has(name)));
}

function prune(due: Subscription['due'], named: NameSet, wildcard: boolean): Subscription['due'] {
  // A wildcard that ends before it was answered may have swallowed names that were due by themselves.
  if (due === 'all') return wildcard ? due : named.names;
  if (wildcard || due.size === 0) return due;
  return new Set([...due].filter((name) => named.has(name)));
}

function pruneLingering(
  lingering: Subscription['lingering'],
  named: NameSet,
  wildcard: boolean,
): Subscription['lingering'] {
  if (lingering.size === 0 || wildcard) return lingering;
  return new Map([...lingering].filter(([name]) => named.has(name)));
}

/** Marks names to be sent even though the client has them: endpoints of clusters that it warms again (Envoy issue 13072). */
export function touch(subscription: Subscription, names: Iterable<string>): Subscription {
  if (subscription.base === undefined || subscription.due === 'all') return subscription;
  const interest = interestOf(subscription);
  const due = [...names].filter((name) => covers(interest, name));
  return due.length === 0 ? subscription : { ...subscription, due: new Set([...subscription.due, ...due]) };
}

/** Whether the newest set brings this client anything that it has not been sent. */
export function isBehind(subscription: Subscription, set: ResourceSet, selections: Selections): boolean {
  if (!subscription.started) return false;
  if (subscription.base === undefined || subscription.due === 'all' || subscription.due.size > 0) return true;
  return !isEmpty(selections.between(subscription.base, set, interestOf(subscription)));
}

/** Records that a plan was sent. */
export function sent(subscription: Subscription, inFlight: InFlight): Subscription {
  const { nonce: lastNonce, plan } = inFlight;
  const { set: base, lingering } = plan;
  return { ...subscription, base, due: nothingDue, initial: nothingInitial, lingering, inFlight, lastNonce };
}

/** Takes a plan's outcome over without sending it: there was nothing in it for this client. */
export function accept(subscription: Subscription, { set, lingering }: Plan): Subscription {
  return { ...subscription, base: set, due: nothingDue, initial: nothingInitial, lingering };
}
