// Splices discovery responses from ready field records: the codec stays out of the hot path, and the bytes equal protobuf's own.
import type { EncodedResource } from '../translate/translation.ts';
import { framedMessage } from './grpc-frame.ts';
import { encodeVarint, stringField } from './wire.ts';

/** SotW and incremental xDS (xds_protocol, "Variants of the xDS Transport Protocol"). */
export type Protocol = 'sotw' | 'delta';

/** What a response holds, but for its nonce. */
export interface ResponseBody {
  readonly protocol: Protocol;
  readonly typeUrl: string;
  /** `version_info` (SotW) or `system_version_info` (delta, "for debugging purposes only"). */
  readonly version: string;
  readonly resources: readonly EncodedResource[];
  /** Delta only. */
  readonly removed: readonly string[];
}

/** Field numbers of DiscoveryResponse and DeltaDiscoveryResponse (envoy/service/discovery/v3/discovery.proto). */
const nonceField = 5;
const typeUrlField = 4;
const removedField = 6;
const controlPlaneField = { sotw: 6, delta: 7 } as const;

/** Encodes a response, its gRPC frame around it. `controlPlane` names this Pilot in Envoy's `control_plane.identifier`. */
export function encodeResponse(
  body: ResponseBody,
  options: { readonly nonce: string; readonly controlPlane: string },
): Buffer {
  const identifier = stringField(1, options.controlPlane);
  const parts: Uint8Array[] = [stringField(1, body.version)];
  for (const resource of body.resources)
    parts.push(body.protocol === 'sotw' ? resource.sotwRecord : resource.deltaRecord);
  parts.push(stringField(typeUrlField, body.typeUrl), stringField(nonceField, options.nonce));
  if (body.protocol === 'delta') for (const name of body.removed) parts.push(removedRecord(name));
  if (identifier.length > 0) {
    parts.push(encodeVarint(controlPlaneField[body.protocol] * 8 + 2), encodeVarint(identifier.length), identifier);
  }
  return framedMessage(parts);
}

/** Unlike a singular string, an element of a repeated field is written even when it is empty. */
function removedRecord(name: string): Buffer {
  const value = Buffer.from(name);
  return Buffer.concat([encodeVarint(removedField * 8 + 2), encodeVarint(value.length), value]);
}
