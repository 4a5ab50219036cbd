// MessagePack (github.com/msgpack/msgpack, spec.md), as far as Fluentd's forward protocol needs it. Pure.

/** What can be encoded. */
export type Packable = string | number | boolean | null | readonly Packable[] | { readonly [key: string]: Packable };

/** `value` encoded; whole numbers as integers, others as doubles. */
export function pack(value: Packable): Buffer {
  const parts: Buffer[] = [];
  write(parts, value);
  return Buffer.concat(parts);
}

function write(out: Buffer[], value: Packable): void {
  if (value === null) out.push(Buffer.from([0xc0]));
  else if (typeof value === 'boolean') out.push(Buffer.from([value ? 0xc3 : 0xc2]));
  else if (typeof value === 'number') out.push(numberBytes(value));
  else if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    out.push(head(bytes.length, { fix: 0xa0, fixMax: 31, sizes: [0xd9, 0xda, 0xdb] }), bytes);
  } else if (Array.isArray(value)) {
    const list = value as readonly Packable[];
    out.push(head(list.length, { fix: 0x90, fixMax: 15, sizes: [undefined, 0xdc, 0xdd] }));
    for (const item of list) write(out, item);
  } else {
    const entries = Object.entries(value as { readonly [key: string]: Packable });
    out.push(head(entries.length, { fix: 0x80, fixMax: 15, sizes: [undefined, 0xde, 0xdf] }));
    for (const [key, item] of entries) {
      write(out, key);
      write(out, item);
    }
  }
}

function numberBytes(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 128) return Buffer.from([value]);
  const bytes = Buffer.alloc(9);
  if (Number.isSafeInteger(value)) {
    bytes[0] = 0xd3;
    bytes.writeBigInt64BE(BigInt(value), 1);
  } else {
    bytes[0] = 0xcb;
    bytes.writeDoubleBE(value, 1);
  }
  return bytes;
}

/** The type byte and length of a text, list or map: within the byte, or after it in 1, 2 or 4 bytes. */
function head(
  length: number,
  form: { readonly fix: number; readonly fixMax: number; readonly sizes: readonly (number | undefined)[] },
): Buffer {
  const [in8, in16 = 0, in32 = 0] = form.sizes;
  if (length <= form.fixMax) return Buffer.from([form.fix | length]);
  if (in8 !== undefined && length < 0x100) return Buffer.from([in8, length]);
  if (length < 0x10000) return Buffer.from([in16, length >> 8, length & 0xff]);
  const bytes = Buffer.alloc(5);
  bytes[0] = in32;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** Reads the first value of `bytes`: undefined where more bytes are needed. Throws RangeError for types that forward never sends. */
export function unpack(bytes: Buffer): { readonly value: Packable; readonly length: number } | undefined {
  const reader = { bytes, at: 0 };
  try {
    const value = read(reader);
    return { value, length: reader.at };
  } catch (error) {
    if (error === needsMore) return undefined;
    throw error;
  }
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

/** Thrown and caught in this file only. */
const needsMore = new Error('more bytes are needed');

function take(reader: Reader, length: number): Buffer {
  if (reader.at + length > reader.bytes.length) throw needsMore;
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}

function read(reader: Reader): Packable {
  const type = take(reader, 1)[0] ?? 0;
  if (type < 0x80) return type;
  if (type >= 0xe0) return type - 0x100;
  if (type < 0x90) return readMap(reader, type & 0x0f);
  if (type < 0xa0) return readList(reader, type & 0x0f);
  if (type < 0xc0) return take(reader, type & 0x1f).toString();
  const size = (bytes: 1 | 2 | 4) => take(reader, bytes).readUIntBE(0, bytes);
  switch (type) {
    case 0xc0:
      return null;
    case 0xc2:
    case 0xc3:
      return type === 0xc3;
    case 0xc4:
    case 0xd9:
      return take(reader, size(1)).toString();
    case 0xc5:
    case 0xda:
      return take(reader, size(2)).toString();
    case 0xc6:
    case 0xdb:
      return take(reader, size(4)).toString();
    case 0xcb:
      return take(reader, 8).readDoubleBE();
    case 0xcc:
      return size(1);
    case 0xcd:
      return size(2);
    case 0xce:
      return size(4);
    case 0xcf:
    case 0xd3:
      return Number(take(reader, 8).readBigInt64BE());
    case 0xdc:
      return readList(reader, size(2));
    case 0xdd:
      return readList(reader, size(4));
    case 0xde:
      return readMap(reader, size(2));
    case 0xdf:
      return readMap(reader, size(4));
    default:
      throw new RangeError(`MessagePack type 0x${type.toString(16)} is not read here`);
  }
}

function readList(reader: Reader, length: number): readonly Packable[] {
  return Array.from({ length: Math.min(length, reader.bytes.length) }, () => read(reader));
}

function readMap(reader: Reader, length: number): { readonly [key: string]: Packable } {
  const pairs = Array.from({ length: Math.min(length, reader.bytes.length) }, () => {
    const key = read(reader);
    return [typeof key === 'string' ? key : JSON.stringify(key), read(reader)] as const;
  });
  return Object.fromEntries(pairs);
}
