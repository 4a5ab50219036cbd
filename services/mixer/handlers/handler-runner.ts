// The one runner around every handler: deadline, bounded queue, circuit breaker, counted drops, and what a failure means.
import type { Clock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import { supervise } from '../../../lib/service.ts';
import type { MixerMetrics } from '../metrics.ts';
import { type BreakerLimits, CircuitBreaker, defaultBreakerLimits } from './circuit-breaker.ts';
import {
  type CheckResult,
  type Handler,
  type Instance,
  type QuotaRequest,
  type QuotaResult,
  rpcCodes,
} from './handler.ts';

/** Bounds of one handler. */
export interface RunnerLimits {
  /** For one check or quota, in ms. */
  readonly deadlineMs: number;
  /** For one batch of reports, in ms; where only `deadlineMs` is given, it is for both. */
  readonly reportDeadlineMs: number;
  /** Checks and quotas under way. */
  readonly maxInFlight: number;
  /** Reported instances that wait; the newest beyond it are dropped, and counted. */
  readonly maxQueued: number;
  /** Reported instances handed over together. */
  readonly maxBatch: number;
  readonly breaker: BreakerLimits;
}

/** What the runner uses where nothing else is said. */
export const defaultRunnerLimits: RunnerLimits = {
  deadlineMs: 100, // of the 200 ms that proxies wait for Mixer by default
  reportDeadlineMs: 5_000, // nobody waits for a report, and a busy back end is better than a lost batch; half of what the queue holds
  maxInFlight: 1_000, // a second of a busy proxy at 1 ms each
  maxQueued: 10_000, // ten seconds of 1,000 requests a second; about 10 MB
  maxBatch: 500, // one write to a back end, well below its usual bounds
  breaker: defaultBreakerLimits,
};

/** What a failing check or quota means for the request: `allow` lets it pass (fail-open), `deny` refuses it (fail-closed). */
export type OnFailure = 'allow' | 'deny';

/** The counters of all handlers of a Mixer; every series has the label `handler`. */
export interface HandlerMetrics {
  readonly calls: ReturnType<MixerMetrics['counter']>;
  readonly failures: ReturnType<MixerMetrics['counter']>;
  readonly received: ReturnType<MixerMetrics['counter']>;
  readonly delivered: ReturnType<MixerMetrics['counter']>;
  readonly dropped: ReturnType<MixerMetrics['counter']>;
}

/** Registers the counters. received = delivered + dropped + what still waits. */
export function handlerMetrics(metrics: MixerMetrics): HandlerMetrics {
  return {
    calls: metrics.counter('mixer_handler_calls_total', 'Checks and quotas asked of a handler'),
    failures: metrics.counter('mixer_handler_failures_total', 'Checks and quotas that a handler failed, by reason'),
    received: metrics.counter('mixer_handler_reports_received_total', 'Instances to be reported through a handler'),
    delivered: metrics.counter('mixer_handler_reports_delivered_total', 'Instances that the back end has taken'),
    dropped: metrics.counter('mixer_handler_reports_dropped_total', 'Instances that were lost, by reason'),
  };
}

/** What a runner is made of. */
export interface HandlerRunnerOptions {
  readonly handler: Handler;
  /** `NAME.NAMESPACE`. */
  readonly name: string;
  readonly onFailure: OnFailure;
  readonly metrics: HandlerMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<RunnerLimits>;
}

type FailureReason = 'deadline' | 'error' | 'breaker' | 'busy';
type Outcome<T> = { readonly value: T } | { readonly reason: FailureReason };

/** See the file's first line. Its methods never reject. */
export class HandlerRunner {
  readonly name: string;
  readonly #options: HandlerRunnerOptions;
  readonly #limits: RunnerLimits;
  readonly #breaker: CircuitBreaker;
  readonly #wake = new Latest<number>();
  #queue: Instance[] = [];
  #inFlight = 0;
  #wakes = 0;

  constructor(options: HandlerRunnerOptions) {
    this.name = options.name;
    this.#options = options;
    const { limits = {} } = options;
    const both = limits.deadlineMs === undefined ? {} : { reportDeadlineMs: limits.deadlineMs };
    this.#limits = { ...defaultRunnerLimits, ...both, ...limits };
    this.#breaker = new CircuitBreaker(this.#limits.breaker, () => options.clock.nowMs());
  }

  /** Instances that wait to be reported. */
  get queued(): number {
    return this.#queue.length;
  }

  /** The handler's answer or, when it fails, what `onFailure` says (never to be used again). */
  check(instance: Instance): CheckResult | Promise<CheckResult> {
    const { handler } = this.#options;
    return this.#call(
      (signal) => handler.check?.(instance, signal) ?? unsupported(this.name, instance),
      (reason) => ({ status: this.#failureStatus(reason), validForMs: 0, validUses: 1 }),
    );
  }

  /** The handler's grant or, when it fails, what `onFailure` says: all, or nothing. */
  quota(instance: Instance, request: QuotaRequest): QuotaResult | Promise<QuotaResult> {
    const { handler, onFailure } = this.#options;
    return this.#call(
      (signal) => handler.quota?.(instance, request, signal) ?? unsupported(this.name, instance),
      (reason) => ({
        status: this.#failureStatus(reason),
        granted: onFailure === 'allow' ? request.amount : 0,
        validForMs: 0,
      }),
    );
  }

  /** Queues instances for the back end; what does not fit is dropped and counted. Costs the caller nothing but memory. */
  report(instances: readonly Instance[]): void {
    const { metrics } = this.#options;
    metrics.received.add({ handler: this.name }, instances.length);
    const room = Math.max(0, this.#limits.maxQueued - this.#queue.length);
    this.#queue.push(...instances.slice(0, room));
    this.#drop('queue-full', instances.length - Math.min(room, instances.length));
    this.#wake.set(++this.#wakes);
  }

  /** Delivers reports and runs the handler until `signal` aborts; then what is queued is delivered as long as the back end takes it. */
  async run(signal: AbortSignal): Promise<void> {
    const { handler, clock, logger } = this.#options;
    const own = handler.run?.bind(handler);
    const stop = new AbortController();
    const services = own === undefined ? [] : [{ name: `handler ${this.name}`, run: own }];
    const running = supervise(services, { signal: stop.signal, clock, logger });
    for await (const _ of this.#wake.watch(signal)) await this.#deliver(signal);
    await this.#deliverLast();
    stop.abort();
    await running;
  }

  async #deliver(signal: AbortSignal): Promise<void> {
    while (this.#queue.length > 0 && !signal.aborted) {
      if (!this.#breaker.admit()) {
        // What comes meanwhile waits in the queue, whose bound decides what is lost.
        await this.#options.clock.sleep(this.#limits.breaker.openMs / 10, signal).catch(() => {});
        continue;
      }
      await this.#deliverBatch();
    }
  }

  async #deliverLast(): Promise<void> {
    let goesOn = true;
    while (goesOn && this.#queue.length > 0 && this.#breaker.admit()) goesOn = await this.#deliverBatch();
    this.#drop('stopped', this.#queue.length);
    this.#queue = [];
  }

  /** Whether the back end took it. */
  async #deliverBatch(): Promise<boolean> {
    const { handler, metrics } = this.#options;
    const batch = this.#queue.splice(0, this.#limits.maxBatch);
    const outcome = await this.#withDeadline(
      async (signal) => await (handler.report?.(batch, signal) ?? unsupported(this.name, batch[0])),
      this.#limits.reportDeadlineMs,
    );
    if ('value' in outcome) metrics.delivered.add({ handler: this.name }, batch.length);
    else this.#drop(outcome.reason, batch.length);
    return 'value' in outcome;
  }

  #drop(reason: string, count: number): void {
    if (count > 0) this.#options.metrics.dropped.add({ handler: this.name, reason }, count);
  }

  /** Synchronous as long as the handler is. */
  #call<T extends object>(
    ask: (signal: AbortSignal) => T | Promise<T>,
    failed: (reason: FailureReason) => T,
  ): T | Promise<T> {
    const { metrics } = this.#options;
    metrics.calls.add({ handler: this.name }, 1);
    const fail = (reason: FailureReason): T => {
      metrics.failures.add({ handler: this.name, reason }, 1);
      return failed(reason);
    };
    if (this.#inFlight >= this.#limits.maxInFlight) return fail('busy');
    if (!this.#breaker.admit()) return fail('breaker');
    const settle = (outcome: Outcome<T>): T => ('value' in outcome ? outcome.value : fail(outcome.reason));
    const outcome = this.#withDeadline(ask, this.#limits.deadlineMs);
    return outcome instanceof Promise ? outcome.then(settle) : settle(outcome);
  }

  /** Tells the breaker; a handler that is late is told through its signal and no longer waited for. */
  #withDeadline<T>(ask: (signal: AbortSignal) => T | Promise<T>, deadlineMs: number): Outcome<T> | Promise<Outcome<T>> {
    const late = new AbortController();
    try {
      const answer = ask(late.signal);
      if (!(answer instanceof Promise)) {
        this.#breaker.succeeded();
        return { value: answer };
      }
      return this.#awaited(answer, late, deadlineMs);
    } catch (error) {
      return this.#failed('error', error);
    }
  }

  async #awaited<T>(answer: Promise<T>, late: AbortController, deadlineMs: number): Promise<Outcome<T>> {
    const { clock } = this.#options;
    const done = new AbortController();
    this.#inFlight++;
    const deadline = clock.sleep(deadlineMs, done.signal).then(
      () => 'late' as const,
      () => 'done' as const,
    );
    try {
      const first = await Promise.race([answer.then((value) => ({ value })), deadline]);
      if (typeof first === 'object') {
        this.#breaker.succeeded();
        return first;
      }
      late.abort(new Error(`no answer within ${deadlineMs} ms`));
      answer.catch(() => {});
      return this.#failed('deadline', late.signal.reason);
    } catch (error) {
      return this.#failed('error', error);
    } finally {
      done.abort();
      this.#inFlight--;
    }
  }

  #failed(reason: FailureReason, error: unknown): { readonly reason: FailureReason } {
    const wasOpen = this.#breaker.isOpen;
    this.#breaker.failed();
    const { logger } = this.#options;
    if (!wasOpen && this.#breaker.isOpen)
      logger.warn(
        { handler: this.name, error: messageOf(error) },
        'the handler keeps failing: it is left alone for a while',
      );
    return { reason };
  }

  #failureStatus(reason: FailureReason) {
    if (this.#options.onFailure === 'allow') return { code: rpcCodes.ok, message: '' };
    return { code: rpcCodes.unavailable, message: `${this.name}: the back end does not answer (${reason})` };
  }
}

function unsupported(name: string, instance: Instance | undefined): never {
  throw new Error(`handler ${name} does not take instances of ${instance?.template ?? 'this template'}`);
}
