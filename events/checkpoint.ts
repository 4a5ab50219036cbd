// Checkpoint events: from time to time the log records its own rolling hash, so that every store's losses show.
import type { NewEvent, RecordedEvent } from './envelope.ts';

/** The log up to and including position `through` has rolling hash `hash` (event-hash.ts). */
export type CheckpointRecorded = NewEvent<
  'io.periplus.system.checkpoint-recorded',
  { readonly through: number; readonly hash: string }
>;

/** Subject of all checkpoint events. */
export const checkpointSubject = 'system/checkpoint';

/** Events between checkpoints: few enough to narrow damage down in stores without a hash a row, at 0.1 % of the space. */
export const checkpointEvery = 1000;

/**
 * The checkpoint of a log that ends in `last`, whose rolling hash there is `hash`. Its time is the last event's: a checkpoint is a
 * statement about the past and needs no clock, so that every implementation writes the same one.
 */
export function checkpointEvent(last: Pick<RecordedEvent, 'position' | 'time'>, hash: string): CheckpointRecorded {
  return {
    id: `checkpoint-${last.position}-${hash.slice(0, 16)}`,
    source: '/log',
    type: 'io.periplus.system.checkpoint-recorded',
    subject: checkpointSubject,
    time: last.time,
    actor: 'system:log',
    causes: [],
    data: { through: last.position, hash },
  };
}

/** Whether a log at `position` owes a checkpoint, the last one having been recorded at position `lastCheckpoint` (0: none). */
export function checkpointDue(position: number, lastCheckpoint: number): boolean {
  return position - lastCheckpoint >= checkpointEvery;
}
