// Folds a log, or the part of it after a known state, through a projection: the one path of start-up, `at` and replay.
import type { RecordedEvent } from './envelope.ts';
import type { EventLog } from './event-log.ts';
import type { Projection } from './projection.ts';

/** A projection's state and the position it is of. */
export interface Folded<State> {
  readonly state: State;
  readonly position: number;
  /** Time of the event at `position`; '' when none has been folded. */
  readonly time: string;
}

/**
 * Folds the events after `start` (default: from nothing) up to position `to` (default: the head as it is now). The start's state may
 * be changed in place. Throws what the log throws (`corrupt` names the position) and the signal's reason when it aborts.
 */
export async function foldLog<State>(
  log: EventLog,
  projection: Projection<State>,
  options: { readonly to?: number; readonly start?: Folded<State>; readonly signal?: AbortSignal } = {},
): Promise<Folded<State>> {
  const { start = { state: projection.init(), position: 0, time: '' }, signal } = options;
  const head = (await log.head()).position;
  const to = Math.min(options.to ?? head, head);
  let { state } = start;
  let last: RecordedEvent | undefined;
  if (to <= start.position) return start;
  const done = new AbortController();
  try {
    // By batches, not event by event: an await for each of a million events would take as long as folding them.
    const stop = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
    for await (const { events, bookmark } of log.subscribe({ after: start.position, signal: stop })) {
      for (const event of events) {
        if (event.position > to) break;
        state = projection.evolve(state, event);
        last = event;
      }
      if (bookmark >= to) break;
    }
  } finally {
    done.abort();
  }
  signal?.throwIfAborted();
  return { state, position: last?.position ?? start.position, time: last?.time ?? start.time };
}
