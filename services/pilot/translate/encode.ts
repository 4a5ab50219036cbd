// Encodes a resource once, into one buffer that holds every form in which responses splice it.
import { hash } from 'node:crypto';
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { EncodedResource, TypeUrl } from './translation.ts';

const utf8 = new TextEncoder();
const lengthDelimited = 2;

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
  const version = hashParts(parts).slice(0, 16);
  const anyHead = concat([stringRecord(1, typeUrl), recordHead(2, size)]);
  // Resource.resource and DiscoveryResponse.resources are both field 2 and both hold the Any: written last, it serves as either.
  const fields = concat([stringRecord(3, name), stringRecord(1, version)]);
  const sotwHead = recordHead(2, anyHead.length + size);
  const deltaHead = recordHead(2, fields.length + sotwHead.length + anyHead.length + size);
  const deltaRecord = concat([deltaHead, fields, sotwHead, anyHead, ...parts]);
  const sotwRecord = deltaRecord.subarray(deltaHead.length + fields.length);
  const bytes = deltaRecord.subarray(deltaRecord.length - size);
  return { typeUrl, name, version, bytes, sotwRecord, deltaRecord };
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

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(totalLength(parts));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

function hashParts(parts: readonly Uint8Array[]): string {
  return hash('sha256', parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts), 'hex');
}
