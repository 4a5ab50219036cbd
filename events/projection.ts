// A projection: state folded from events, the same forward in production and again in replay.
import type { RecordedEvent } from './envelope.ts';

/**
 * Folds events into a state. `evolve` is total (unknown types pass through) and deterministic (no clock, no randomness); it may
 * change `state` in place, because a million events must fold in seconds: readers only ever see what `mesh/snapshot.ts` freezes.
 */
export interface Projection<State> {
  readonly name: string;
  init(): State;
  evolve(state: State, event: RecordedEvent): State;
}

/** Folds `events` from `state` on. */
export function fold<State>(
  projection: Projection<State>,
  events: Iterable<RecordedEvent>,
  state = projection.init(),
): State {
  for (const event of events) state = projection.evolve(state, event);
  return state;
}
