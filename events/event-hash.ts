// Hashes of events and of whole logs: what makes a lost, altered or reordered event show.
import { hash } from 'node:crypto';
import type { RecordedEvent } from './envelope.ts';
import { encodeEvent } from './event-codec.ts';

/** Identity of a recorded event's whole content, its place included: `hashEventText` of its canonical JSON. */
export function eventHash(event: RecordedEvent): string {
  return hashEventText(encodeEvent(event));
}

/** 128 bits of SHA-256 as 22 characters of base64url: as safe a chain, and a tenth less to store and parse with every event. */
export function hashEventText(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}

/** Rolling hash of a log after one more event: SHA-256 of the hash before ('' for an empty log) and the event's own, hex. */
export function rollHash(logHash: string, hashOfEvent: string): string {
  return hash('sha256', logHash + hashOfEvent, 'hex');
}
