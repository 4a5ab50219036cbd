// What an ADS stream works with: its way to the client, what it shares with other streams, and its bounds.
import type { Node } from '../../../gen/envoy/config/core/v3/base_pb.js';
import type { Clock } from '../../../lib/clock.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { ResourceSet, Translation } from '../translate/translation.ts';
import type { ClientProof } from './client-proof.ts';
import type { NameInterner } from './name-set.ts';
import type { ResponseCache } from './response-cache.ts';
import type { Selections } from './selection.ts';
import type { StreamIdentity, StreamObserver } from './stream-observer.ts';

/** The way back to the client. */
export interface StreamTransport {
  readonly peer: string;
  readonly client: ClientProof;
  /** False while the client (or all clients together) must read first; `AdsStream.flush` is called when that is over. */
  canWrite(): boolean;
  write(bytes: Buffer): void;
  /** Ends the stream with a gRPC status: `invalid` INVALID_ARGUMENT, `forbidden` PERMISSION_DENIED, `exhausted` RESOURCE_EXHAUSTED, `unavailable` UNAVAILABLE. */
  end(code: 'invalid' | 'forbidden' | 'exhausted' | 'unavailable', message: string): void;
}

/** What a stream shares with all others. */
export interface StreamMeans {
  readonly selections: Selections;
  readonly responses: ResponseCache;
  readonly interner: NameInterner;
  readonly observer: StreamObserver;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Reads Envoy's node; a string says what is wrong with it, or why this client is refused. */
  contextOf(node: Node, proven: { readonly spiffeId?: string }): ProxyContext | string;
  /** Puts the stream among those of its context and gives the newest translation, which is undefined before the first snapshot. */
  join(stream: { update(translation: Translation): void }, context: ProxyContext): Translation | undefined;
  /** The secrets of a translation with their keys, as far as this stream may have them; none where Pilot keeps no credentials. */
  secretsOf?(stream: StreamIdentity, translation: Translation): ResourceSet;
  /** Of the SVIDs that clients show; undefined where xDS is in plaintext alone. */
  readonly trustDomain: string | undefined;
  readonly limits: StreamLimits;
}

/** Bounds on what one client may ask for. */
export interface StreamLimits {
  /** Names per type: ten times the largest mesh in the bench. */
  readonly maxNames: number;
  /** Types per stream: xDS has about a dozen. */
  readonly maxTypes: number;
  /** Longest make-before-break wait for a client's answer. */
  readonly patienceMs: number;
}
