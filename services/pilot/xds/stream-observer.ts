// What streams tell the rest of Pilot about themselves: for the deliveries log, metrics and the agents' health reports.
import type { ManifestEntry } from '../../../events/delivery-facts.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { Manifest } from './response-cache.ts';
import type { Protocol } from './response-codec.ts';

/** Who is at the other end of a stream; known once its first request has come. */
export interface StreamIdentity {
  readonly streamId: string;
  /** Envoy's node id. */
  readonly proxyId: string;
  readonly peer: string;
  /** What its certificate proved; absent: it came in plaintext. */
  readonly spiffeId?: string;
  readonly userAgent: string;
  readonly protocol: Protocol;
  readonly context: ProxyContext;
}

/** A stream that was not let in: the certificate is another's than the node says. */
export interface StreamRefusal {
  readonly streamId: string;
  /** Node id that was claimed. */
  readonly proxyId: string;
  readonly peer: string;
  /** Whose certificate it was; undefined: nobody's of this mesh. */
  readonly spiffeId: string | undefined;
  readonly reason: string;
}

/** A response that was sent. */
export interface PushRecord {
  readonly typeUrl: string;
  readonly nonce: string;
  /** Facts position that it was translated from. */
  readonly position: number;
  readonly whole: boolean;
  /** The first response of its type on the stream: it brings a proxy up to date rather than a change to the proxy. */
  readonly first: boolean;
  readonly bytes: number;
  /** Resources in the manifest that the newest state no longer has, kept until nothing uses them. */
  readonly kept: readonly string[];
  /** Computed when asked for: hashing is not for the hot path. */
  manifest(): Manifest;
}

/** A client's answer to a response. */
export interface AnswerRecord {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly position: number;
  readonly first: boolean;
  /** From sending to the answer. */
  readonly latencyMs: number;
  /** The resources that were answered, with their versions. Computed when asked for. */
  readonly sent: () => readonly ManifestEntry[];
}

/** A refusal (NACK). */
export interface RejectionRecord extends AnswerRecord {
  /** gRPC status code. */
  readonly code: number;
  readonly message: string;
}

/** Called from streams, in the order in which things happen; must not throw and must be quick. */
export interface StreamObserver {
  /** `position`: the facts position of the translation at that time; 0 when there is none yet. */
  connected(stream: StreamIdentity, position: number): void;
  disconnected(stream: StreamIdentity, reason: string): void;
  refused(refusal: StreamRefusal): void;
  pushed(stream: StreamIdentity, push: PushRecord): void;
  acknowledged(stream: StreamIdentity, answer: AnswerRecord): void;
  rejected(stream: StreamIdentity, rejection: RejectionRecord): void;
  /** The proxy's agent says whether its workload is well (istio.v1.HealthInformation). `reason` is empty when it is. */
  healthReported(stream: StreamIdentity, report: { readonly healthy: boolean; readonly reason: string }): void;
}

/** Tells several observers. */
export function observeAll(observers: readonly StreamObserver[]): StreamObserver {
  return {
    connected: (stream, position) => {
      for (const observer of observers) observer.connected(stream, position);
    },
    disconnected: (stream, reason) => {
      for (const observer of observers) observer.disconnected(stream, reason);
    },
    refused: (refusal) => {
      for (const observer of observers) observer.refused(refusal);
    },
    pushed: (stream, push) => {
      for (const observer of observers) observer.pushed(stream, push);
    },
    acknowledged: (stream, answer) => {
      for (const observer of observers) observer.acknowledged(stream, answer);
    },
    rejected: (stream, answer) => {
      for (const observer of observers) observer.rejected(stream, answer);
    },
    healthReported: (stream, report) => {
      for (const observer of observers) observer.healthReported(stream, report);
    },
  };
}
