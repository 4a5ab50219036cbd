// What the runners of adapters say of themselves in the log: losses that they hold back, and which replica writes.
import type { NewEvent } from './envelope.ts';

/** One adapter: its platform, and which cluster, datacenter or folder. */
export interface AdapterIdentity {
  readonly platform: string;
  readonly instance: string;
}

/** Much vanished at once; it stays in force for now. */
export type LossHeld = NewEvent<
  'io.periplus.registry.loss-held',
  AdapterIdentity & {
    /** How many things the adapter had shown, and how many of these vanished in this step. */
    readonly before: number;
    readonly lost: number;
    /** How many things that vanished are kept now, those of earlier steps included. */
    readonly held: number;
    /** RFC 3339: when they are deregistered if the platform still lacks them then. */
    readonly releaseAt: string;
    /** Subjects of some of what vanished; at most 20. */
    readonly examples: readonly string[];
  }
>;

/** Why what was held is no more. */
export type ReleaseReason = 'returned' | 'time' | 'request' | 'explicit';

/** Some or all of what was held came back, or was deregistered. */
export type LossReleased = NewEvent<
  'io.periplus.registry.loss-released',
  AdapterIdentity & {
    readonly released: number;
    /** How many things are still kept. */
    readonly held: number;
    /** Why: the platform shows them again, time was up, somebody asked, or the platform itself said that they were taken out. */
    readonly reason: ReleaseReason;
  }
>;

/** Somebody asked that what an adapter holds be deregistered now (`periplus registry release`). */
export type LossReleaseRequested = NewEvent<'io.periplus.registry.loss-release-requested', AdapterIdentity>;

/** A replica of an adapter took over: from here on only it writes what the adapter shows; what another one appends late is refused. */
export type SessionOpened = NewEvent<
  'io.periplus.registry.session-opened',
  AdapterIdentity & {
    /** Unique to one term of one replica. */
    readonly holder: string;
    /** The lease's revision in the store that keeps it (NATS KV): terms of one bucket ascend. Absent where no lease is kept. */
    readonly epoch?: number;
  }
>;

/** Everything that runners say of themselves; no projection of the mesh reads it. */
export type AdapterFact = LossHeld | LossReleased | LossReleaseRequested | SessionOpened;

/** Subject of what an adapter says of its losses: `registry/PLATFORM/losses/INSTANCE`. */
export function lossesSubject({ platform, instance }: AdapterIdentity): string {
  return `registry/${platform}/losses/${encodeURIComponent(instance)}`;
}

/** Subject of requests to release losses: `registry/PLATFORM/release/INSTANCE`. */
export function releaseSubject({ platform, instance }: AdapterIdentity): string {
  return `registry/${platform}/release/${encodeURIComponent(instance)}`;
}

/** Subject of an adapter's sessions: `registry/PLATFORM/session/INSTANCE`. */
export function sessionSubject({ platform, instance }: AdapterIdentity): string {
  return `registry/${platform}/session/${encodeURIComponent(instance)}`;
}
