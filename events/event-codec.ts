// Recorded events as text: canonical JSON, which logs store and hash. Malformed text is refused as corrupt.
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { canonicalJson, quote } from './canonical-json.ts';
import type { NewEvent, RecordedEvent } from './envelope.ts';

/** An event's place in its log. */
export type EventPlace = Pick<RecordedEvent, 'position' | 'version' | 'previousHash'>;

/** Largest event, in characters of JSON: below what JetStream (8 MB) and Kafka brokers are commonly set to accept. */
export const maxEventChars = 4 * 1024 * 1024;

/** The event as canonical JSON (canonical-json.ts). Throws MeshError `invalid` when `data` can't be JSON. */
export function encodeEvent(event: RecordedEvent): string {
  return encodePlaced(event, event, canonicalJson(event.data));
}

/** `encodeEvent` for a writer that has encoded `data` already; members are in canonical order. */
export function encodePlaced(event: NewEvent, place: EventPlace, dataJson: string): string {
  const version = event.dataversion === undefined ? '' : `,"dataversion":${event.dataversion}`;
  const trace = event.traceparent === undefined ? '' : `,"traceparent":${quote(event.traceparent)}`;
  return (
    `{"actor":${quote(event.actor)},"causes":${encodeCauses(event.causes)},"data":${dataJson}${version}` +
    `,"id":${quote(event.id)},"position":${place.position},"previousHash":"${place.previousHash}"` +
    `,"source":${quote(event.source)},"specversion":"1.0","subject":${quote(event.subject)}` +
    `,"time":${quote(event.time)}${trace},"type":${quote(event.type)},"version":${place.version}}`
  );
}

/** A list of ids as JSON. */
export function encodeCauses(causes: readonly string[]): string {
  return causes.length === 0 ? '[]' : JSON.stringify(causes);
}

/** Reads what `encodeEvent` wrote. Throws MeshError `corrupt` when it is not JSON or not a recorded event. */
export function decodeEvent(text: string): RecordedEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MeshError('corrupt', `a recorded event is not JSON: ${messageOf(error)}`, { cause: error });
  }
  const problem = recordedProblem(value);
  if (problem !== undefined) throw new MeshError('corrupt', `a recorded event ${problem}`);
  return value as RecordedEvent;
}

/** What is wrong with a value that should be a recorded event, or undefined. */
function recordedProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is not an object';
  const event = value as Partial<RecordedEvent>;
  if (event.specversion !== '1.0') return 'has no specversion 1.0';
  if (!isCount(event.position)) return 'has no position';
  if (!isCount(event.version)) return 'has no version';
  if (typeof event.previousHash !== 'string') return 'has no previousHash';
  return newEventProblem(event);
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

/** What is wrong with an event that someone wants to append, or undefined. Does not look into `data`. */
export function newEventProblem(event: Partial<NewEvent>): string | undefined {
  if (!isName(event.id)) return 'has no id';
  if (!isName(event.source)) return `has no source (id ${event.id})`;
  if (!isName(event.type)) return `has no type (id ${event.id})`;
  if (!isName(event.subject)) return `has no subject (id ${event.id})`;
  if (!isName(event.actor)) return `has no actor (id ${event.id})`;
  if (typeof event.time !== 'string' || !timePattern.test(event.time))
    return `has no RFC 3339 UTC time (id ${event.id})`;
  if (!Array.isArray(event.causes)) return `has no list of causes (id ${event.id})`;
  if (event.dataversion !== undefined && !isCount(event.dataversion)) return `has a wrong dataversion (id ${event.id})`;
  if (event.traceparent !== undefined && typeof event.traceparent !== 'string') return 'has a wrong traceparent';
  if (event.data === undefined) return `has no data (id ${event.id})`;
  return undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

/** A non-empty text of at most 1,024 characters that UTF-8 can hold: ids and subjects are index keys in every store. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1024 && value.isWellFormed();
}
