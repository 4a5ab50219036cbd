// Old shapes of events become today's when they are read; what is stored never changes.
import { MeshError } from '../lib/mesh-error.ts';
import type { RecordedEvent } from './envelope.ts';

/** Makes the data of the next version of a type's shape out of one version's. Pure. */
export type Upcast = (data: unknown) => unknown;

/** By event type: `[0]` takes version 1 to 2, `[1]` takes 2 to 3, and so on; a type that never changed is absent. */
export type Upcasts = ReadonlyMap<string, readonly Upcast[]>;

/** The upcasts of this build. No shape has changed since the first release, so there is none yet. */
export const upcasts: Upcasts = new Map();

/** Version of the shape that this build reads and writes for a type. */
export function currentDataversion(type: string, registry: Upcasts = upcasts): number {
  return (registry.get(type)?.length ?? 0) + 1;
}

/**
 * The event in the shape that this build knows. Throws MeshError `invalid` when a known type was written by a newer build: guessing
 * at its meaning could route traffic wrongly. Types without upcasts pass through as they are.
 */
export function upcastEvent(event: RecordedEvent, registry: Upcasts = upcasts): RecordedEvent {
  const steps = registry.get(event.type);
  if (steps === undefined) return event;
  const stored = event.dataversion ?? 1;
  const current = steps.length + 1;
  if (stored === current) return event;
  if (stored > current) {
    const message = `event ${event.position} (${event.type}) has dataversion ${stored}, this build knows ${current}: upgrade Periplus`;
    throw new MeshError('invalid', message);
  }
  const data = steps.slice(stored - 1).reduce((value, step) => step(value), event.data);
  return { ...event, dataversion: current, data };
}
