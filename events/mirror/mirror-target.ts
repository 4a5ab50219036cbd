// What a mirror needs of the place that it copies a log to. The place itself keeps how far the copy goes.
import type { RecordedEvent } from '../envelope.ts';

/** A place in a log and the log's rolling hash there. */
export interface MirrorPlace {
  readonly position: number;
  readonly hash: string;
}

/** A connection. All calls reject with MeshError: `unavailable` means try again, `forbidden` and `exhausted` that somebody must act. */
export interface MirrorSession {
  /** Up to where everything is in the copy; undefined when nothing was ever noted. */
  place(): Promise<MirrorPlace | undefined>;
  /** Copies events in their order. Resolves when the copy is durable. */
  send(events: readonly RecordedEvent[]): Promise<void>;
  /** Notes, durably, that everything up to there is in the copy. */
  note(place: MirrorPlace): Promise<void>;
  /** Never rejects. */
  close(): Promise<void>;
}

/** Where a log is copied to. */
export interface MirrorTarget {
  /** For people and metrics, without secrets: `kafka://broker:9092/mesh`. */
  readonly name: string;
  /** Connects, and makes what is missing there. Gives up when `signal` aborts. */
  open(log: string, signal: AbortSignal): Promise<MirrorSession>;
}
