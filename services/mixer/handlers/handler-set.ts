// Runs the handlers that the current rules name: started when a rule first names one, stopped when none does.
import type { CountStore } from '../../../events/count-store.ts';
import type { Clock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import type { HandlerRef, PolicySet } from '../../../mesh/policy/rules.ts';
import type { MixerMetrics } from '../metrics.ts';
import type { BreakerLimits } from './circuit-breaker.ts';
import type { Handler } from './handler.ts';
import { type HandlerKinds, kindOf } from './handler-kinds.ts';
import { type HandlerMetrics, HandlerRunner, handlerMetrics } from './handler-runner.ts';

/**
 * Counts that are shared fail at once while their store is away, and charges of one count are late together: leaving it alone for as long as a
 * back end that hangs would refuse requests for nothing.
 */
const countingBreaker: BreakerLimits = { failures: 50, openMs: 250 };

interface Running {
  readonly runner: HandlerRunner;
  readonly stop: AbortController;
  ended: Promise<void>;
}

/** See the file's first line. */
export class HandlerSet implements Service {
  readonly name = 'mixer-handlers';
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: HandlerMetrics;
  readonly #kinds: HandlerKinds;
  readonly #counts: CountStore | undefined;
  readonly #wanted = new Latest<PolicySet>();
  /** By what the configuration says, so that a rule that is applied anew finds its handler running. */
  readonly #running = new Map<string, Running>();
  readonly #keys = new WeakMap<HandlerRef, string>();

  constructor(options: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly metrics: MixerMetrics;
    /** Those that are built in. */
    readonly kinds: HandlerKinds;
    /** Shared with other Mixers. */
    readonly counts?: CountStore;
  }) {
    this.#kinds = options.kinds;
    this.#counts = options.counts;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#metrics = handlerMetrics(options.metrics);
  }

  /** These are the rules from now on. */
  use(set: PolicySet): void {
    const wanted = new Set<string>();
    for (const ref of set.rules.flatMap(handlersOf)) {
      wanted.add(this.#keyOf(ref));
      this.runner(ref);
    }
    for (const [key, { stop }] of this.#running) {
      if (wanted.has(key)) continue;
      stop.abort();
      this.#running.delete(key);
    }
    this.#wanted.set(set);
  }

  /** The runner of a handler, started if it was not. */
  runner(ref: HandlerRef): HandlerRunner {
    const key = this.#keyOf(ref);
    const known = this.#running.get(key);
    if (known !== undefined) return known.runner;
    const { name, onFailure, deadlineMs } = ref;
    const runner = new HandlerRunner({
      ...{ handler: this.#lazily(ref), name, onFailure },
      ...{ metrics: this.#metrics, clock: this.#clock, logger: this.#logger },
      limits: {
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
        ...(ref.adapter === 'memquota' ? { breaker: countingBreaker } : {}),
      },
    });
    const stop = new AbortController();
    this.#running.set(key, { runner, stop, ended: runner.run(stop.signal) });
    return runner;
  }

  /** Runs until `signal` aborts, then lets every handler deliver what it holds. */
  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const all = [...this.#running.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
    this.#running.clear();
  }

  #keyOf(ref: HandlerRef): string {
    let key = this.#keys.get(ref);
    if (key === undefined) this.#keys.set(ref, (key = JSON.stringify(ref)));
    return key;
  }

  /** A handler that is made when it is first needed; one that can't be made fails every call, and its runner says what that means. */
  #lazily(ref: HandlerRef): Handler {
    const counts = this.#counts;
    const means = { name: ref.name, clock: this.#clock, logger: this.#logger, ...(counts && { counts }) };
    let made: Handler | undefined;
    const making = kindOf(ref, this.#kinds).then((kind) => (made = kind.create(ref.params, means)));
    making.catch((error) =>
      this.#logger.error({ handler: ref.name, error: messageOf(error) }, 'a handler can not be made'),
    );
    const once = <T>(ask: (handler: Handler) => T | Promise<T>) => (made ? ask(made) : making.then(ask));
    return {
      check: (instance, signal) => once((handler) => handler.check?.(instance, signal) ?? missing(ref, 'check')),
      quota: (instance, request, signal) =>
        once((handler) => handler.quota?.(instance, request, signal) ?? missing(ref, 'quota')),
      report: async (batch, signal) => {
        await once(async (handler) => await (handler.report?.(batch, signal) ?? missing(ref, 'report')));
      },
      run: async (signal) => {
        const handler = await making.catch(() => undefined);
        if (handler?.run) await handler.run(signal);
        else
          await new Promise<void>((resolve) =>
            signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve()),
          );
      },
    };
  }
}

function missing({ name, adapter }: HandlerRef, what: string): never {
  throw new Error(`handler ${name}: the adapter ${adapter} has no ${what}`);
}

function handlersOf({ action }: PolicySet['rules'][number]): readonly HandlerRef[] {
  if (action.kind === 'check') return [action.handler];
  if (action.kind === 'report') return action.handlers;
  return action.kind === 'quota' ? [action.handler] : [];
}
