// Decodes discovery requests. The lists of names, which SotW repeats in every ACK, are recognised by their bytes and decoded once.
import { fromBinary } from '@bufbuild/protobuf';
import { type Node, NodeSchema } from '../../../gen/envoy/config/core/v3/base_pb.js';
import { StatusSchema } from '../../../gen/google/rpc/status_pb.js';
import { type NameInterner, type NameSet, noNames } from './name-set.ts';
import { type FieldAt, type KnownRecords, scanFields } from './wire.ts';

/** What both protocols' requests say. */
interface AnyRequest {
  readonly typeUrl: string;
  /** Guaranteed in a stream's first request only (xds_protocol, "only the first request on a stream is guaranteed to carry the node identifier"). */
  readonly node: Node | undefined;
  readonly nonce: string;
  /** Present: the response with `nonce` was rejected. */
  readonly error: { readonly code: number; readonly message: string } | undefined;
}

/** envoy.service.discovery.v3.DiscoveryRequest. */
export interface SotwRequest extends AnyRequest {
  readonly protocol: 'sotw';
  readonly version: string;
  /** Every name that the client is subscribed to. */
  readonly names: NameSet;
}

/** envoy.service.discovery.v3.DeltaDiscoveryRequest. */
export interface DeltaRequest extends AnyRequest {
  readonly protocol: 'delta';
  readonly subscribe: NameSet;
  readonly unsubscribe: NameSet;
  /** What the client kept from an earlier stream: version by name. */
  readonly initialVersions: ReadonlyMap<string, string>;
}

/** A request of either protocol. */
export type XdsRequest = SotwRequest | DeltaRequest;

/** Field numbers of the two messages. */
const sotwFields = { version: 1, node: 2, names: 3, typeUrl: 4, nonce: 5, error: 6 } as const;
const deltaFields = {
  node: 1,
  typeUrl: 2,
  subscribe: 3,
  unsubscribe: 4,
  initialVersions: 5,
  nonce: 6,
  error: 7,
} as const;

/** What decoding shares between requests. */
export interface DecodeContext {
  readonly interner: NameInterner;
  /** The names that the stream is subscribed to, of all types: most requests repeat one of these lists, as SotW's ACKs do. */
  readonly subscribed: readonly NameSet[];
}

/** Decodes a DiscoveryRequest; undefined when the bytes are not one. */
export function decodeSotwRequest(bytes: Uint8Array, context: DecodeContext): SotwRequest | undefined {
  const known = { field: sotwFields.names, raws: context.subscribed.map(({ raw }) => raw) };
  const read = (message: ScannedMessage): SotwRequest => ({
    protocol: 'sotw',
    typeUrl: message.string(sotwFields.typeUrl),
    node: message.node(sotwFields.node),
    nonce: message.string(sotwFields.nonce),
    error: message.status(sotwFields.error),
    version: message.string(sotwFields.version),
    names: message.names(sotwFields.names, context),
  });
  return decode(bytes, read, known);
}

/** Decodes a DeltaDiscoveryRequest; undefined when the bytes are not one. */
export function decodeDeltaRequest(bytes: Uint8Array, context: DecodeContext): DeltaRequest | undefined {
  return decode(bytes, (message) => ({
    protocol: 'delta',
    typeUrl: message.string(deltaFields.typeUrl),
    node: message.node(deltaFields.node),
    nonce: message.string(deltaFields.nonce),
    error: message.status(deltaFields.error),
    subscribe: message.names(deltaFields.subscribe, context),
    unsubscribe: message.names(deltaFields.unsubscribe, context),
    initialVersions: message.stringMap(deltaFields.initialVersions),
  }));
}

function decode<Request>(
  bytes: Uint8Array,
  read: (message: ScannedMessage) => Request,
  known?: KnownRecords,
): Request | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = scanFields(buffer, known);
  if (fields === undefined) return undefined;
  try {
    return read(new ScannedMessage(buffer, fields));
  } catch {
    return undefined; // protobuf-es threw on the node, the status or a map entry
  }
}

/** Reads single fields of a message whose fields have been found. */
class ScannedMessage {
  readonly #bytes: Buffer;
  readonly #fields: readonly FieldAt[];

  constructor(bytes: Buffer, fields: readonly FieldAt[]) {
    this.#bytes = bytes;
    this.#fields = fields;
  }

  string(field: number): string {
    const at = this.#last(field);
    return at ? this.#bytes.toString('utf8', at.start, at.end) : '';
  }

  node(field: number): Node | undefined {
    const at = this.#last(field);
    return at && fromBinary(NodeSchema, this.#bytes.subarray(at.start, at.end));
  }

  status(field: number): { code: number; message: string } | undefined {
    const at = this.#last(field);
    if (!at) return undefined;
    const { code, message } = fromBinary(StatusSchema, this.#bytes.subarray(at.start, at.end));
    return { code, message };
  }

  names(field: number, { interner, subscribed }: DecodeContext): NameSet {
    const records = this.#fields.filter((at) => at.field === field);
    const first = records[0];
    if (!first) return noNames;
    const raw = this.#contiguous(records, first);
    const isKnown = first.start === first.recordStart;
    const known = isKnown
      ? subscribed.find((set) => set.raw.length === raw.length && Buffer.compare(raw, set.raw) === 0)
      : undefined;
    return known ?? interner.intern(raw, () => decodeNames(raw));
  }

  stringMap(field: number): ReadonlyMap<string, string> {
    const map = new Map<string, string>();
    for (const at of this.#fields) {
      if (at.field !== field) continue;
      const entry = this.#bytes.subarray(at.start, at.end);
      const fields = scanFields(entry);
      if (!fields) throw new RangeError('malformed map entry');
      const message = new ScannedMessage(entry, fields);
      map.set(message.string(1), message.string(2));
    }
    return map;
  }

  #last(field: number): FieldAt | undefined {
    return this.#fields.findLast((at) => at.field === field);
  }

  /** The records' bytes: a view where they lie side by side, as every encoder writes them; else a copy. */
  #contiguous(records: readonly FieldAt[], first: FieldAt): Buffer {
    let end = first.recordStart;
    for (const at of records) {
      if (at.recordStart !== end) return Buffer.concat(records.map((r) => this.#bytes.subarray(r.recordStart, r.end)));
      end = at.end;
    }
    return this.#bytes.subarray(first.recordStart, end);
  }
}

/** Names from their records, laid end to end. */
function decodeNames(raw: Buffer): string[] {
  return (scanFields(raw) ?? []).map((at) => raw.toString('utf8', at.start, at.end));
}
