// What Pilot saw proxies do: connect, get pushes, acknowledge or reject them, leave. Kept in the `deliveries` log, a leaf.
import type { NewEvent } from './envelope.ts';

/** Identity of one content of one resource: `[name, version]`; version is the content hash that the proxy was given. */
export type ManifestEntry = readonly [name: string, version: string];

/** A proxy opened its ADS stream. `context` is the ProxyContext as JSON: with it replay translates what the proxy was sent. */
export type ProxyConnected = NewEvent<
  'io.periplus.delivery.proxy-connected',
  {
    /** Envoy's node id: `sidecar~IP~NAME.NAMESPACE~DOMAIN`. */
    readonly proxyId: string;
    /** Distinguishes two streams of one proxy. */
    readonly streamId: string;
    readonly pilot: string;
    readonly peer: string;
    /** What its certificate proved. Absent: it came in plaintext. */
    readonly spiffeId?: string;
    readonly userAgent: string;
    readonly protocol: 'sotw' | 'delta';
    readonly context: unknown;
    /** Facts position that Pilot had when the proxy connected. */
    readonly position: number;
  }
>;
/** Its stream ended. */
export type ProxyDisconnected = NewEvent<
  'io.periplus.delivery.proxy-disconnected',
  { readonly proxyId: string; readonly streamId: string; readonly reason: string }
>;
/** A list of resource contents, recorded once and referred to by its hash: proxies with equal contexts are sent equal lists. */
export type ManifestRecorded = NewEvent<
  'io.periplus.delivery.manifest-recorded',
  {
    readonly manifest: string;
    readonly typeUrl: string;
    readonly resources: readonly ManifestEntry[];
    readonly removed: readonly string[];
  }
>;
/** A response was sent. */
export type Pushed = NewEvent<
  'io.periplus.delivery.pushed',
  {
    readonly proxyId: string;
    readonly streamId: string;
    readonly typeUrl: string;
    readonly nonce: string;
    /** Facts position that the content was translated from. */
    readonly position: number;
    /** Hash of the ManifestRecorded event's list. */
    readonly manifest: string;
    /** True when the list is the whole state of the type (SotW, or the first response of a stream), not a change to it. */
    readonly whole: boolean;
    readonly bytes: number;
    /** Names in the manifest that the state at `position` no longer has: kept until nothing uses them (make before break). Absent: none. */
    readonly kept?: readonly string[];
  }
>;
/** The proxy took a response into use. */
export type Acknowledged = NewEvent<
  'io.periplus.delivery.acknowledged',
  {
    readonly proxyId: string;
    readonly streamId: string;
    readonly typeUrl: string;
    readonly nonce: string;
    readonly position: number;
    readonly latencyMs: number;
  }
>;
/** The proxy refused a response and keeps what it had. */
export type Rejected = NewEvent<
  'io.periplus.delivery.rejected',
  {
    readonly proxyId: string;
    readonly streamId: string;
    readonly typeUrl: string;
    readonly nonce: string;
    readonly position: number;
    readonly code: number;
    readonly message: string;
  }
>;

/** A stream was not let in: its certificate is another's than its node says. One a second at most is recorded. */
export type StreamRefused = NewEvent<
  'io.periplus.delivery.stream-refused',
  {
    readonly pilot: string;
    readonly streamId: string;
    /** The node id that was claimed, cut to 500 characters. */
    readonly claimed: string;
    readonly peer: string;
    /** Whose certificate it was. Absent: nobody's of this mesh. */
    readonly spiffeId?: string;
    readonly reason: string;
  }
>;

/**
 * How far the streams of a Pilot are: with it, another Pilot can say which proxies hold a position. Written once all have answered, and
 * each second while some have not; also by a Pilot that has to show that it lives. Only where several processes share the logs.
 */
export type PilotProgressed = NewEvent<
  'io.periplus.delivery.pilot-progressed',
  {
    readonly pilot: string;
    /** Facts position that it serves. */
    readonly position: number;
    /** Proxies that have not yet answered all that it means for them. */
    readonly waiting: number;
    /** Ids of these; the first 20. */
    readonly laggards: readonly string[];
  }
>;

/** What a refusal came from, found out after it: the resources that the proxy meant, and the facts that gave them this content. */
export type RejectionTraced = NewEvent<
  'io.periplus.delivery.rejection-traced',
  {
    readonly proxyId: string;
    readonly streamId: string;
    readonly typeUrl: string;
    readonly nonce: string;
    readonly position: number;
    /** Names; several where the proxy named several, or none. */
    readonly resources: readonly string[];
    /** Facts, oldest first; empty where the log does not tell. */
    readonly causes: readonly RejectionCause[];
  }
>;

/** A fact that led to a refusal. */
export interface RejectionCause {
  readonly position: number;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
}

/** Everything the deliveries projection is folded from. */
export type DeliveryFact =
  | StreamRefused
  | ProxyConnected
  | ProxyDisconnected
  | ManifestRecorded
  | Pushed
  | Acknowledged
  | Rejected
  | RejectionTraced
  | PilotProgressed;

/** Subject of the streams that somebody was refused, never that of the proxy that was claimed. */
export function refusedSubject(spiffeId: string | undefined): string {
  return `refused/${spiffeId ?? 'unknown'}`;
}

/** Subject of a proxy's events: `proxy/ID`. */
export function proxySubject(proxyId: string): string {
  return `proxy/${proxyId}`;
}

/** Subject of what a Pilot says of itself: `pilot/NAME`. */
export function pilotSubject(pilot: string): string {
  return `pilot/${pilot}`;
}

/** Id of the event that ends a stream, whoever writes it: its Pilot, the Pilot's next life, or another Pilot when it is gone for good. */
export function disconnectedId(pilot: string, streamId: string): string {
  return `${pilot}/${streamId}/disconnected`;
}
