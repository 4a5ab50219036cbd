// Which resources a proxy held at a moment, folded from deliveries: what it acknowledged, not what it was sent.
import type { DeliveryFact, ManifestRecorded, Pushed } from '../events/delivery-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { Projection } from '../events/projection.ts';

/** One content that a proxy holds. */
export interface HeldResource {
  /** Content hash. */
  readonly version: string;
  /** Facts position of the push that brought it. */
  readonly position: number;
}

/** By type URL, then by resource name. */
export type HeldResources = ReadonlyMap<string, ReadonlyMap<string, HeldResource>>;

type Push = Pushed['data'];
/** State of `heldProjection`. */
export interface HeldState {
  readonly manifests: Map<string, ManifestRecorded['data']>;
  /** Pushes not answered yet, oldest first. */
  pending: readonly Push[];
  readonly held: Map<string, Map<string, HeldResource>>;
}

/** Folds what `proxyId` holds. The events must include the manifests, which every proxy shares. */
export function heldProjection(proxyId: string): Projection<HeldState> {
  return {
    name: `held/${proxyId}`,
    init: () => ({ manifests: new Map(), pending: [], held: new Map() }),
    evolve: (state, event) => evolveHeld(state, event, proxyId),
  };
}

/**
 * What `proxyId` held at `time` (RFC 3339, inclusive; absent: after all `events`). `events` are the deliveries log in order, from its
 * start; the first one later than `time` ends it.
 */
export function heldBy(events: Iterable<RecordedEvent>, proxyId: string, time?: string): HeldResources {
  const projection = heldProjection(proxyId);
  let state = projection.init();
  const untilMs = time === undefined ? Number.POSITIVE_INFINITY : Date.parse(time);
  for (const event of events) {
    if (Date.parse(event.time) > untilMs) break;
    state = projection.evolve(state, event);
  }
  return state.held;
}

function evolveHeld(state: HeldState, event: RecordedEvent, proxyId: string): HeldState {
  const fact = event as unknown as DeliveryFact;
  if (fact.type === 'io.periplus.delivery.manifest-recorded') state.manifests.set(fact.data.manifest, fact.data);
  else if (fact.type === 'io.periplus.delivery.stream-refused' || fact.type === 'io.periplus.delivery.pilot-progressed')
    return state;
  else if (fact.data?.proxyId !== proxyId) return state;
  else if (fact.type === 'io.periplus.delivery.pushed') state.pending = [...state.pending, fact.data];
  else if (fact.type === 'io.periplus.delivery.proxy-disconnected') {
    state.pending = state.pending.filter((push) => push.streamId !== fact.data.streamId);
  } else if (fact.type === 'io.periplus.delivery.rejected') {
    state.pending = state.pending.filter((push) => !answers(fact.data, push));
  } else if (fact.type === 'io.periplus.delivery.acknowledged') acknowledge(state, fact.data);
  return state;
}

interface Answer {
  readonly streamId: string;
  readonly typeUrl: string;
  readonly nonce: string;
}

function answers(answer: Answer, push: Push): boolean {
  return push.nonce === answer.nonce && push.streamId === answer.streamId && push.typeUrl === answer.typeUrl;
}

/** Envoy takes the responses of a stream in order, so the ones before this that it did not refuse are in use as well. */
function acknowledge(state: HeldState, answer: Answer): void {
  const at = state.pending.findIndex((push) => answers(answer, push));
  if (at < 0) return;
  const isTaken = (push: Push, index: number) =>
    index <= at && push.streamId === answer.streamId && push.typeUrl === answer.typeUrl;
  for (const push of state.pending.filter(isTaken)) take(state, push);
  state.pending = state.pending.filter((push, index) => !isTaken(push, index));
}

function take(state: HeldState, push: Push): void {
  const manifest = state.manifests.get(push.manifest);
  if (!manifest) return;
  let held = state.held.get(push.typeUrl);
  if (!held || push.whole) state.held.set(push.typeUrl, (held = keepUnchanged(held, push, manifest)));
  else for (const [name, version] of manifest.resources) held.set(name, { version, position: push.position });
  for (const name of manifest.removed) held.delete(name);
}

/** The whole state of a type; what was already held in this version keeps the position that brought it. */
function keepUnchanged(
  before: ReadonlyMap<string, HeldResource> | undefined,
  push: Push,
  manifest: ManifestRecorded['data'],
): Map<string, HeldResource> {
  return new Map(
    manifest.resources.map(([name, version]) => {
      const old = before?.get(name);
      return [name, old?.version === version ? old : { version, position: push.position }];
    }),
  );
}
