// Encodes a resource once, into one buffer that holds every form in which responses splice it.
import { hash } from 'node:crypto';
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { EncodedResource, TypeUrl } from './translation.ts';

const utf8 = new TextEncoder();
const lengthDelimited = 2;
/** Hex digits of `EncodedResource.version`. */
const versionLength = 16;

/** Encodes `message` as the resource `name`. Throws what protobuf-es throws when a field's value has the wrong type. */
export function encodeResource<Desc extends DescMessage>(
  typeUrl: TypeUrl,
  name: string,
  schema: Desc,
  message: MessageShape<Desc>,
): EncodedResource {
  return encodeSpliced(typeUrl, name, [toBinary(schema, message)]);
}

/**
 * A resource from ready pieces of its encoding, laid end to end: protobuf messages concatenate. A RouteConfiguration is
 * the bytes of one without virtual hosts followed by a `fieldRecord` for each of them.
 */
export function encodeSpliced(typeUrl: TypeUrl, name: string, parts: readonly Uint8Array[]): EncodedResource {
  const size = totalLength(parts);
  const any = [stringRecord(1, typeUrl), recordHead(2, size)];
  const anyLength = totalLength(any) + size;
  // Resource.resource and DiscoveryResponse.resources are both field 2 and both hold the Any: written last, it serves as either.
  const sotwHead = recordHead(2, anyLength);
  const sotwLength = sotwHead.length + anyLength;
  // The version's length is known before its digits are: everything is copied once, and hashed where it then is.
  const fields = [stringRecord(3, name), recordHead(1, versionLength), new Uint8Array(versionLength)];
  const deltaHead = recordHead(2, totalLength(fields) + sotwLength);
  const deltaRecord = concat([deltaHead, ...fields, sotwHead, ...any], size);
  const bytes = deltaRecord.subarray(deltaRecord.length - size);
  copyParts(parts, bytes);
  const version = hash('sha256', bytes, 'hex').slice(0, versionLength);
  const sotwRecord = deltaRecord.subarray(deltaRecord.length - sotwLength);
  utf8.encodeInto(version, deltaRecord.subarray(deltaRecord.length - sotwLength - versionLength));
  return { typeUrl, name, version, bytes, sotwRecord, deltaRecord };
}

/** `resource` under another version, of 16 hex digits: for contents whose hash must not be told, such as private keys. */
export function withVersion(resource: EncodedResource, version: string): EncodedResource {
  if (version.length !== versionLength) throw new RangeError(`a version has ${versionLength} digits: ${version}`);
  const deltaRecord = Uint8Array.from(resource.deltaRecord);
  const at = (length: number) => deltaRecord.subarray(deltaRecord.length - length);
  const sotwRecord = at(resource.sotwRecord.length);
  utf8.encodeInto(version, at(sotwRecord.length + versionLength));
  return { ...resource, version, bytes: at(resource.bytes.length), sotwRecord, deltaRecord };
}

/** A message's whole field record (tag, length, value) for splicing into its parent. */
export function fieldRecord<Desc extends DescMessage>(
  fieldNumber: number,
  schema: Desc,
  message: MessageShape<Desc>,
): Uint8Array {
  const value = toBinary(schema, message);
  return concat([recordHead(fieldNumber, value.length), value]);
}

function stringRecord(fieldNumber: number, text: string): Uint8Array {
  const value = utf8.encode(text);
  return concat([recordHead(fieldNumber, value.length), value]);
}

/** Tag and length of a length-delimited field (protobuf.dev/programming-guides/encoding). */
function recordHead(fieldNumber: number, length: number): Uint8Array {
  return Uint8Array.from([...varint((fieldNumber << 3) | lengthDelimited), ...varint(length)]);
}

function varint(value: number): number[] {
  const out: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 0x80)) out.push((value & 0x7f) | 0x80);
  out.push(value);
  return out;
}

function totalLength(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** `parts` end to end, and `extra` zeros behind them. */
function concat(parts: readonly Uint8Array[], extra = 0): Uint8Array {
  const out = new Uint8Array(totalLength(parts) + extra);
  copyParts(parts, out);
  return out;
}

function copyParts(parts: readonly Uint8Array[], to: Uint8Array): void {
  let offset = 0;
  for (const part of parts) {
    to.set(part, offset);
    offset += part.length;
  }
}
