// The outer loop of an adapter that reads a platform by sessions: says when it can't be read, and tries again with growing pauses.
import type { Clock } from '../lib/clock.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { AdapterSink } from './adapter.ts';

/** Delays between tries: quick for a new leader or a restart, then no more than once in ten seconds. */
const retryMs = { min: 250, max: 10_000 };

/**
 * Runs `session` again and again until `signal` aborts. One that resolves has to be begun anew; one that rejects with a MeshError has lost
 * the platform, which the sink is told. Rejects with any other error.
 */
export async function runSessions(
  session: (signal: AbortSignal) => Promise<void>,
  { sink, clock, signal }: { readonly sink: AdapterSink; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  for (let delayMs = retryMs.min; !signal.aborted; ) {
    const startedMs = clock.nowMs();
    const error = await session(signal).catch((thrown: unknown) => thrown);
    if (signal.aborted) return;
    if (error !== undefined) {
      if (!(error instanceof MeshError)) throw error;
      sink.lost(error.message);
    }
    if (clock.nowMs() - startedMs > retryMs.max) delayMs = retryMs.min;
    await clock.sleep(delayMs, signal).catch(() => {});
    delayMs = Math.min(delayMs * 2, retryMs.max);
  }
}

/**
 * Runs `main` with what it starts by `beside`: when one of them fails all are ended, and its error is what this rejects with. Resolves
 * or rejects when all have ended.
 */
export async function runTogether(
  signal: AbortSignal,
  main: (until: AbortSignal, beside: (work: (until: AbortSignal) => Promise<void>) => void) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const others = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    // What is rejected after the end is its consequence.
    if (!until.aborted) failed = { error };
    stop.abort(error);
  };
  try {
    await main(until, (work) => {
      const other: Promise<void> = work(until)
        .catch(fail)
        .finally(() => others.delete(other));
      others.add(other);
    });
  } catch (error) {
    fail(error);
  } finally {
    stop.abort();
    await Promise.all(others);
  }
  if (failed) throw failed.error;
  signal.throwIfAborted();
}
