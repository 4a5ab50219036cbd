// Turns "what is after position P" and "the head moved" into a subscription with etcd's watch promises.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MeshError } from '../../lib/mesh-error.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { EventBatch } from '../event-log.ts';

/** Events, and the last position that was looked at to find them. */
export interface EventsThrough {
  readonly events: readonly RecordedEvent[];
  readonly through: number;
}

/** What a log offers to its subscriptions. */
export interface SubscriptionSource {
  readonly head: number;
  /** Whole batches after `position`, at least one when the log has any; `through` is the last position looked at. */
  readAfter(position: number): EventsThrough | Promise<EventsThrough>;
  /** Resolves when the head is beyond `position` or `signal` aborts; rejects when the log is closed or broken. */
  beyond(position: number, signal: AbortSignal): Promise<void>;
}

/**
 * Batches after `after`, then each new one. Reads only when asked for the next, so one batch is outstanding and a slow reader costs
 * nothing. Says at once when it starts at the head (an empty batch that is live). Ends when `signal` aborts.
 * Throws MeshError `invalid` when `after` lies beyond the head: such a bookmark is from another log.
 */
export function subscribeTo(source: SubscriptionSource, after: number, signal: AbortSignal): AsyncIterable<EventBatch> {
  return batches(source, { after, signal, target: source.head });
}

async function* batches(
  source: SubscriptionSource,
  options: { readonly after: number; readonly signal: AbortSignal; readonly target: number },
): AsyncGenerator<EventBatch> {
  const { after, signal, target } = options;
  if (after > target)
    throw new MeshError('invalid', `position ${after} is beyond the log's head ${target}: not a bookmark of this log`);
  let bookmark = after;
  if (bookmark === target && !signal.aborted) yield { events: [], bookmark, live: true };
  while (!signal.aborted) {
    if (source.head === bookmark) await source.beyond(bookmark, signal);
    // Lets timers and sockets have their turn while a long log is caught up with.
    else if (bookmark < target) await nextTurn();
    if (signal.aborted) return;
    const { events, through } = await source.readAfter(bookmark);
    bookmark = through;
    yield { events, bookmark, live: bookmark >= target };
  }
}

/** Readers waiting for the head to move. */
export class HeadWaiters {
  #waiters = new Set<{ resolve: () => void; reject: (reason: unknown) => void }>();

  /** Waits for the next `wake`, `fail` or abort. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return resolve();
      const forget = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', waiter.resolve);
      };
      const waiter = {
        resolve: () => {
          forget();
          resolve();
        },
        reject: (reason: unknown) => {
          forget();
          reject(reason);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', waiter.resolve, { once: true });
    });
  }

  wake(): void {
    for (const waiter of [...this.#waiters]) waiter.resolve();
  }

  fail(reason: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.reject(reason);
  }
}
