// Protobuf's wire format by hand, as far as xDS responses and requests need it on the hot path (protobuf.dev/programming-guides/encoding).

/** Where one length-delimited field's value lies in a message. */
export interface FieldAt {
  readonly field: number;
  /** Offset of the whole record (tag included). */
  readonly recordStart: number;
  readonly start: number;
  readonly end: number;
}

/** Encodes an unsigned varint. */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  while (value > 0x7f) {
    bytes.push((value & 0x7f) | 0x80);
    value = Math.floor(value / 128);
  }
  bytes.push(value);
  return Uint8Array.from(bytes);
}

/** A whole length-delimited field record: tag, length, value. */
export function lengthDelimited(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([encodeVarint(field * 8 + 2), encodeVarint(value.byteLength), value]);
}

/** A whole string field record; nothing for the empty string, proto3's default. */
export function stringField(field: number, value: string): Buffer {
  return value === '' ? Buffer.alloc(0) : lengthDelimited(field, Buffer.from(value));
}

/** Records that were met before and need not be looked into again. */
export interface KnownRecords {
  readonly field: number;
  /** Whole records of `field`, end to end. */
  readonly raws: readonly Uint8Array[];
}

/**
 * Lists the length-delimited fields of a message (strings, messages, maps: all that xDS requests have) without decoding their values.
 *
 * Where the records of `known.field` begin with one of `known.raws`, that much is given as one entry whose `start` is its `recordStart`.
 * Returns undefined when the bytes are not a well-formed message (truncated, field number 0, deprecated groups).
 */
export function scanFields(bytes: Uint8Array, known?: KnownRecords): FieldAt[] | undefined {
  const fields: FieldAt[] = [];
  let at = 0;
  while (at < bytes.length) {
    const recordStart = at;
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag.value < 8) return undefined;
    if (known && tag.value === known.field * 8 + 2) {
      const raw = startsWithOneOf(bytes, at, known.raws);
      known = undefined; // looked for at the first record only
      if (raw) {
        at += raw.length;
        fields.push({ field: Math.floor(tag.value / 8), recordStart, start: recordStart, end: at });
        continue;
      }
    }
    const span = valueSpan(bytes, tag.next, tag.value % 8);
    if (span === undefined || span.end > bytes.length) return undefined;
    if (tag.value % 8 === 2)
      fields.push({ field: Math.floor(tag.value / 8), recordStart, start: span.start, end: span.end });
    at = span.end;
  }
  return fields;
}

function valueSpan(bytes: Uint8Array, at: number, wireType: number): { start: number; end: number } | undefined {
  if (wireType === 2) {
    const length = readVarint(bytes, at);
    return length && { start: length.next, end: length.next + length.value };
  }
  if (wireType === 0) {
    const value = readVarint(bytes, at);
    return value && { start: at, end: value.next };
  }
  if (wireType === 5) return { start: at, end: at + 4 };
  return wireType === 1 ? { start: at, end: at + 8 } : undefined;
}

function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, next: at + i + 1 };
    scale *= 128;
  }
  return undefined;
}

function startsWithOneOf(bytes: Uint8Array, at: number, raws: readonly Uint8Array[]): Uint8Array | undefined {
  return raws.find((raw) => raw.length > 0 && Buffer.compare(bytes.subarray(at, at + raw.length), raw) === 0);
}
