// Decides what an append does to a log, without touching one: conflicts, retried ids, versions, hashes and checkpoints. Pure.
import { MeshError } from '../../lib/mesh-error.ts';
import { canonicalJson } from '../canonical-json.ts';
import { checkpointDue, checkpointEvent, checkpointSubject } from '../checkpoint.ts';
import type { RecordedEvent } from '../envelope.ts';
import { encodePlaced, maxEventChars, newEventProblem } from '../event-codec.ts';
import { hashEventText, rollHash } from '../event-hash.ts';
import type { Append, AppendResult } from '../event-log.ts';

/** An append that has passed its checks, with its data encoded. */
export interface PreparedAppend extends Append {
  readonly dataJson: string;
}

/** An event about to be stored: `dataJson` is its data's canonical JSON, `hash` its eventHash, `logHash` the rolling hash through it. */
export interface PlannedEvent {
  readonly event: RecordedEvent;
  readonly dataJson: string;
  readonly hash: string;
  readonly logHash: string;
}

/** A subject's last event. */
export interface SubjectHead {
  readonly version: number;
  readonly hash: string;
}

/** What planning needs to know of a log. */
export interface LogView {
  readonly position: number;
  /** Rolling hash through `position`. */
  readonly logHash: string;
  /** Position of the last checkpoint event; 0 when there is none. */
  readonly lastCheckpoint: number;
  find(id: string): RecordedEvent | undefined;
  subject(subject: string): SubjectHead | undefined;
}

/** The result to give, and the batches to store (the request's own, then perhaps a checkpoint), each atomically. */
export interface AppendPlan {
  readonly result: AppendResult;
  readonly batches: readonly (readonly PlannedEvent[])[];
}

/** Checks and encodes a request. Throws MeshError `invalid` for a malformed event, `exhausted` for one that is too large. */
export function prepareAppends(batch: readonly Append[]): readonly PreparedAppend[] {
  return batch.map((append) => {
    const problem = newEventProblem(append.event);
    if (problem !== undefined) throw new MeshError('invalid', `can't append: the event ${problem}`);
    if (append.event.subject === checkpointSubject) {
      throw new MeshError('invalid', `can't append: only the log itself writes ${checkpointSubject}`);
    }
    const dataJson = canonicalJson(append.event.data);
    if (dataJson.length <= maxEventChars) return { ...append, dataJson };
    const { id, type } = append.event;
    throw new MeshError(
      'exhausted',
      `event ${id} (${type}) has ${dataJson.length} characters; at most ${maxEventChars} are taken`,
    );
  });
}

/** Plans one request against a log. */
export function planAppend(view: LogView, batch: readonly PreparedAppend[]): AppendPlan {
  const draft = new Draft(view);
  const events: RecordedEvent[] = [];
  for (const append of batch) {
    const known = draft.find(append.event.id);
    if (known !== undefined) {
      events.push(known);
      continue;
    }
    const { subject } = append.event;
    const actualVersion = draft.subject(subject)?.version ?? 0;
    const { expectedVersion = actualVersion } = append;
    if (expectedVersion !== actualVersion) {
      return { result: { ok: false, reason: 'conflict', subject, expectedVersion, actualVersion }, batches: [] };
    }
    const fence = brokenFence(view, append);
    if (fence !== undefined) return { result: fence, batches: [] };
    events.push(draft.add(append));
  }
  const planned = [...draft.events];
  const last = planned.at(-1);
  if (last === undefined) return { result: { ok: true, position: view.position, events }, batches: [] };
  const { position } = last.event;
  const result: AppendResult = { ok: true, position, events };
  if (!checkpointDue(position, view.lastCheckpoint)) return { result, batches: [planned] };
  const event = checkpointEvent(last.event, last.logHash);
  draft.add({ event, dataJson: canonicalJson(event.data) });
  return { result, batches: [planned, draft.events.slice(planned.length)] };
}

/** The first of an append's requirements that the log does not meet, as the conflict that it is. */
function brokenFence(view: LogView, { requires = [] }: Append): AppendResult | undefined {
  for (const { subject, version: expectedVersion } of requires) {
    const actualVersion = view.subject(subject)?.version ?? 0;
    if (actualVersion !== expectedVersion)
      return { ok: false, reason: 'conflict', subject, expectedVersion, actualVersion };
  }
  return undefined;
}

/** A log with a few events more than it has. */
class Draft {
  readonly #view: LogView;
  readonly #ids = new Map<string, RecordedEvent>();
  readonly #subjects = new Map<string, SubjectHead>();
  /** What has been added so far. */
  readonly events: PlannedEvent[] = [];

  constructor(view: LogView) {
    this.#view = view;
  }

  find(id: string): RecordedEvent | undefined {
    return this.#ids.get(id) ?? this.#view.find(id);
  }

  subject(subject: string): SubjectHead | undefined {
    return this.#subjects.get(subject) ?? this.#view.subject(subject);
  }

  add(append: PreparedAppend): RecordedEvent {
    const { event, dataJson } = append;
    const before = this.subject(event.subject);
    const last = this.events.at(-1);
    const recorded: RecordedEvent = {
      ...event,
      specversion: '1.0',
      position: (last?.event.position ?? this.#view.position) + 1,
      version: (before?.version ?? 0) + 1,
      previousHash: before?.hash ?? '',
    };
    const hash = hashEventText(encodePlaced(recorded, recorded, dataJson));
    this.events.push({ event: recorded, dataJson, hash, logHash: rollHash(last?.logHash ?? this.#view.logHash, hash) });
    this.#ids.set(recorded.id, recorded);
    this.#subjects.set(recorded.subject, { version: recorded.version, hash });
    return recorded;
  }
}
