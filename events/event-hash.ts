// Hashes of events and of whole logs: what makes a lost, altered or reordered event show.
import { hash } from 'node:crypto';
import type { RecordedEvent } from './envelope.ts';
import { encodeEvent } from './event-codec.ts';

/** SHA-256 of a text's UTF-8 bytes, lower-case hex. */
export function sha256Hex(text: string | Uint8Array): string {
  return hash('sha256', text, 'hex');
}

/** Identity of a recorded event's whole content, its place included: SHA-256 of its canonical JSON, hex. */
export function eventHash(event: RecordedEvent): string {
  return sha256Hex(encodeEvent(event));
}

/** Rolling hash of a log after one more event: SHA-256 of the hash before ('' for an empty log) and the event's own, hex. */
export function rollHash(logHash: string, hashOfEvent: string): string {
  return sha256Hex(logHash + hashOfEvent);
}
