// The log port: what every store of events promises. logs/contract.ts is its suite; each implementation in logs/ passes it whole.
import type { CountStore } from './count-store.ts';
import type { NewEvent, RecordedEvent } from './envelope.ts';
import type { Leases } from './lease.ts';
import type { MirrorTarget } from './mirror/mirror-target.ts';

/** One event to append, with what its writer believes about the subject. */
export interface Append {
  readonly event: NewEvent;
  /** The subject's version before this event (0: the subject is new). Absent: any. Counted within the batch too. */
  readonly expectedVersion?: number;
  /** Other subjects whose versions must be these when the event is recorded: a fence for writers that may have been replaced. */
  readonly requires?: readonly SubjectVersion[];
}

/** A subject and the number of events it has. */
export interface SubjectVersion {
  readonly subject: string;
  /** 0: none. Counted as before the batch. */
  readonly version: number;
}

/** What became of an append. Conflicts are expected, so they are returned. */
export type AppendResult =
  | {
      readonly ok: true;
      /** The log's head after the append (unchanged when every event was there already). */
      readonly position: number;
      /** In order of the request; an event whose id was already recorded is given as it was recorded. */
      readonly events: readonly RecordedEvent[];
    }
  | {
      readonly ok: false;
      readonly reason: 'conflict';
      readonly subject: string;
      readonly expectedVersion: number;
      readonly actualVersion: number;
    };

/** Which events a reader wants. Filters never change positions: a reader sees where it is by bookmarks. */
export interface ReadOptions {
  /** First position wanted; 1 by default. */
  readonly from?: number;
  /** Last position wanted; the head at the time of the call by default. */
  readonly to?: number;
  /** Only subjects that equal this or start with it followed by `/`. */
  readonly subject?: string;
  readonly types?: readonly string[];
  /** Newest first. */
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** What a subscription yields: events that became visible together, or none with a newer bookmark. */
export interface EventBatch {
  readonly events: readonly RecordedEvent[];
  /** Everything up to and including this position has been delivered or filtered out; resume with `after: bookmark`. */
  readonly bookmark: number;
  /** True once the subscription has reached the head as it was at the time of the call. */
  readonly live: boolean;
}

/** Where a log ends. */
export interface Head {
  /** 0 when the log is empty. */
  readonly position: number;
  /** Rolling hash over the whole log up to `position`, hex; '' when empty. */
  readonly hash: string;
  /** Time of the last event; undefined when empty. */
  readonly time: string | undefined;
}

/** What `verify` found. */
export type Verification =
  | { readonly ok: true; readonly events: number; readonly head: Head }
  | { readonly ok: false; readonly position: number; readonly problem: string };

/** A saved projection state. */
export interface LogSnapshot {
  /** Which projection and version of its code: a snapshot of another is ignored. */
  readonly name: string;
  readonly position: number;
  /** Rolling hash of the log at `position`: a snapshot of another history is refused. */
  readonly hash: string;
  readonly state: Uint8Array;
}

/**
 * A totally ordered, append-only log of events. Subscriptions keep etcd's watch promises (etcd.io/docs/latest/learning/api_guarantees):
 * ordered, unique, atomic (a batch appended together arrives together), reliable, resumable, bookmarkable.
 * Rejections are MeshError: `corrupt` names the position, `unavailable` means try again.
 */
export interface EventLog {
  /** Appends all or nothing. Resolves only when durable. Ids already recorded are skipped: a retry of a whole batch is a no-op. */
  append(batch: readonly Append[]): Promise<AppendResult>;
  read(options?: ReadOptions): AsyncIterable<RecordedEvent>;
  /** Events after position `after` (0: from the start), then each new one, until `signal` aborts. At most one batch is outstanding. */
  subscribe(options: {
    readonly after: number;
    readonly signal: AbortSignal;
    readonly subject?: string;
    readonly types?: readonly string[];
  }): AsyncIterable<EventBatch>;
  /** Where the log ends, or ended when `position` was its last (a position beyond the head gives the head). */
  head(position?: number): Promise<Head>;
  /** Version of the subject's last event, 0 when it has none. */
  subjectVersion(subject: string): Promise<number>;
  /** Last position whose event's time is not after `time` (RFC 3339); 0 when all are later. */
  positionAt(time: string): Promise<number>;
  saveSnapshot(snapshot: LogSnapshot): Promise<void>;
  /** The newest saved snapshot of `name` at or before `position` (default: head), or undefined. */
  loadSnapshot(name: string, position?: number): Promise<LogSnapshot | undefined>;
  /** Reads everything again and checks ids, positions, versions, hash chain and checkpoints. */
  verify(): Promise<Verification>;
  close(): Promise<void>;
}

/** The two logs of a mesh. `facts` is the only input of translation; `deliveries` is a leaf that no translation reads. */
export interface MeshLogs {
  readonly facts: EventLog;
  readonly deliveries: EventLog;
  /** Present where several processes share the logs and their store keeps leases too. */
  readonly leases?: Leases;
  /** Present where the store also passes events on to whoever watches: mirror the logs to it. */
  readonly live?: MirrorTarget;
  /** Present where the store can keep counts that several processes share. */
  readonly counts?: CountStore;
}
