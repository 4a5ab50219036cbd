// The envelope of every event: CloudEvents 1.0 (github.com/cloudevents/spec) plus who did it, why, and its place in the log.

/** An event as its writer makes it. Past-tense fact with full data; never edited, only upcast. */
export interface NewEvent<Type extends string = string, Data = unknown> {
  /** Deterministic: the same fact from the same source has the same id, so a retry is a no-op. */
  readonly id: string;
  /** URI reference of the writer: `/adapters/files`, `/admin`, `/pilot/NAME`. */
  readonly source: string;
  /** `io.periplus.registry.service-registered`; see catalog.ts. */
  readonly type: Type;
  /** The aggregate, e.g. `config/VirtualService/default/reviews`: events of one subject have contiguous versions. */
  readonly subject: string;
  /** RFC 3339 with milliseconds, UTC: when it happened. */
  readonly time: string;
  /** Who: `user:anna`, `adapter:files`, `proxy:ID`, `system:pilot`. */
  readonly actor: string;
  /** Ids of the events that led to this one; empty for a first cause. */
  readonly causes: readonly string[];
  /** W3C trace context, so that a change is one trace from `apply` to the last ACK. */
  readonly traceparent?: string;
  /** Version of the shape of `data`; absent means 1. Older shapes are upcast on read. */
  readonly dataversion?: number;
  readonly data: Data;
}

/** An event in a log. */
export interface RecordedEvent<Type extends string = string, Data = unknown> extends NewEvent<Type, Data> {
  readonly specversion: '1.0';
  /** Place in the log: 1, 2, 3, … without gaps. */
  readonly position: number;
  /** Place within its subject: 1, 2, 3, … without gaps. */
  readonly version: number;
  /** `eventHash` of the subject's previous event, or '' for its first: removing or altering one breaks the chain. */
  readonly previousHash: string;
}
