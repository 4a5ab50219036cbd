// Recorded events in the CloudEvents 1.0 JSON format (github.com/cloudevents/spec, formats/json-format.md), for other programs.
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { RecordedEvent } from './envelope.ts';
import { decodeEvent } from './event-codec.ts';

/** Media type of one event. */
export const cloudEventType = 'application/cloudevents+json';

/**
 * An event as CloudEvents JSON. Attribute names there are lower case and there are no lists and no integers beyond 32 bits: `causes`
 * becomes a JSON text, `position` a decimal text, `previousHash` is `previoushash`.
 */
export function encodeCloudEvent(event: RecordedEvent): string {
  const { causes, position, previousHash, ...rest } = event;
  return JSON.stringify({
    ...rest,
    datacontenttype: 'application/json',
    causes: JSON.stringify(causes),
    position: String(position),
    previoushash: previousHash,
  });
}

/** Reads what `encodeCloudEvent` wrote. Throws MeshError `corrupt` when it is something else. */
export function decodeCloudEvent(text: string): RecordedEvent {
  try {
    const { datacontenttype, causes, position, previoushash, ...rest } = JSON.parse(text) as Record<string, unknown>;
    if (datacontenttype !== 'application/json') throw new MeshError('corrupt', 'its data is not JSON');
    const event = {
      ...rest,
      causes: JSON.parse(String(causes)),
      position: Number(position),
      previousHash: previoushash,
    };
    return decodeEvent(JSON.stringify(event));
  } catch (error) {
    throw new MeshError('corrupt', `not a recorded CloudEvent: ${messageOf(error)}`, { cause: error });
  }
}
