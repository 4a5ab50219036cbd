// Runs one adapter and turns what it shows into facts in the log, one atomic batch at a time. README.md has the rules.
import { releaseSubject } from '../events/adapter-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Latest } from '../lib/latest.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import type { Adapter, AdapterSink, Observed, ReplaceOptions } from './adapter.ts';
import { type AdapterStatus, StatusBoard } from './adapter-status.ts';
import { diffScopes } from './diff.ts';
import { FactWriter } from './fact-writer.ts';
import { FlapDamper } from './flap-damper.ts';
import { foldLoss, lossFacts, type OpenLoss, reasonOf } from './losses.ts';
import { always, PendingWrites, whenSynced } from './pending-writes.ts';
import { defaultHoldMs, type PlatformRules } from './platform-rules.ts';
import type { SessionOptions } from './session-fence.ts';
import { type PlanContext, planDifference, planDue, type WritePlan } from './write-plan.ts';

/** What a runner needs. */
export interface AdapterRunnerOptions extends Partial<PlatformRules> {
  readonly adapter: Adapter;
  /** The facts log. */
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where replicas of the adapter may share the log: the term in which this one writes (leased-adapter.ts). */
  readonly session?: SessionOptions;
}

/**
 * See the file's first line. May be run again after `run` rejected; what it knows stays. With a session it runs once: `run` rejects with
 * MeshError `conflict` when another replica has taken over.
 */
export class AdapterRunner implements Service {
  readonly name: string;
  readonly #board: StatusBoard;
  readonly #options: AdapterRunnerOptions;
  readonly #writer: FactWriter;
  readonly #pending = new PendingWrites();
  readonly #damper: FlapDamper;
  #hasSynced = false;
  /** What an earlier run held, until this one has seen everything. */
  #openLoss: OpenLoss | undefined;
  /** Writes happen one after the other. */
  #queue: Promise<void> = Promise.resolve();
  /** Ends the sleep until the next waiting fact is due. */
  #wake: () => void = () => {};

  constructor(options: AdapterRunnerOptions) {
    const { adapter, flapWindowMs = 0 } = options;
    const { platform, instance } = adapter;
    this.#options = options;
    this.name = `adapter ${platform} ${instance}`;
    this.#writer = new FactWriter({ ...options, name: this.name, onRead: (event) => this.#noteLoss(event) });
    this.#damper = new FlapDamper(flapWindowMs);
    this.#board = new StatusBoard(adapter, this.name, options.logger);
  }

  /** How the adapter is doing. */
  get status(): Latest<AdapterStatus> {
    return this.#board.latest;
  }

  /** Runs the adapter until `signal` aborts; rejects when it does. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#writer.untilAvailable(signal, () => this.#writer.readLog());
    await this.#inTurn(() => this.#writer.openSession(signal));
    const stop = new AbortController();
    const until = AbortSignal.any([signal, stop.signal]);
    const failing = (work: Promise<void>) => work.catch((error) => stop.abort(error));
    const others = [failing(this.#sayWhenDue(until)), failing(this.#followRequests(until))];
    try {
      await this.#options.adapter.run(
        this.#sink(until, (error) => stop.abort(error)),
        until,
      );
      if (stop.signal.aborted) throw stop.signal.reason;
    } finally {
      stop.abort();
      await Promise.all(others);
    }
  }

  /** `replaced` is told when another replica has taken over: whatever the adapter does with the error, its run ends. */
  #sink(signal: AbortSignal, replaced: (error: MeshError) => void): AdapterSink {
    const step = (work: () => Promise<void>) =>
      this.#inTurn(work).catch((error) => {
        if (error instanceof MeshError && error.code === 'conflict') replaced(error);
        throw error;
      });
    const replaceAll: AdapterSink['replaceAll'] = (contents, options) =>
      step(() => this.#write(contents, options ?? {}, signal));
    return {
      replaceAll,
      replace: (scope, items, options) => replaceAll(new Map([[scope, items]]), options),
      synced: (scopes) => step(() => this.#synced(scopes, signal)),
      lost: (reason) => this.#board.lost(reason),
      problem: (scope, message) => this.#board.problem(scope, message),
    };
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(step);
    this.#queue = done.catch(() => {});
    return done;
  }

  async #synced(scopes: readonly string[], signal: AbortSignal): Promise<void> {
    const exist = new Set(scopes);
    const vanished = this.#writer.memory.scopes().filter((scope) => !exist.has(scope));
    if (vanished.length > 0) await this.#write(new Map(vanished.map((scope) => [scope, []])), {}, signal);
    const open = this.#openLoss;
    if (open) await this.#writer.untilAvailable(signal, () => this.#closeEarlierLoss(open));
    this.#hasSynced = true;
    this.#wasRead();
  }

  async #write(
    contents: ReadonlyMap<string, readonly Observed[]>,
    options: ReplaceOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const scopes = new Set(contents.keys());
    const { keepMissing = false, explicit = () => false } = options;
    await this.#carryOut(signal, () => {
      const time = options.time ?? this.#now();
      const difference = diffScopes(this.#writer.memory, contents, { ...this.#writer.stamp(), time });
      const plan = planDifference(this.#context(), difference, { scopes, keepMissing, explicit });
      return { plan, claims: difference.claims };
    });
    this.#wasRead();
  }

  /** Plans and appends until nobody was quicker. */
  async #carryOut(
    signal: AbortSignal,
    makePlan: () => { readonly plan: WritePlan; readonly claims?: ReadonlyMap<string, string> },
  ): Promise<void> {
    await this.#writer.untilAvailable(signal, async (isRetry) => {
      // After a failed or refused try the log may hold more than the memory knows, this very batch included.
      if (isRetry) await this.#writer.readLog();
      for (;;) {
        const { plan, claims } = makePlan();
        if (await this.#append(plan)) {
          this.#settle(plan);
          for (const [subject, scope] of claims ?? []) this.#writer.memory.claim(subject, scope);
          return;
        }
        await this.#writer.readLog();
      }
    });
  }

  /** False when another writer was first: the memory is behind. */
  async #append(plan: WritePlan): Promise<boolean> {
    const { adapter, logger } = this.#options;
    const { memory } = this.#writer;
    const heldBefore = this.#pending.of('held').length;
    const releaseAt = new Date(this.#releaseMs()).toISOString();
    const batch = [
      ...plan.now,
      ...lossFacts(plan, { adapter, memory, heldBefore, releaseAt, ...this.#writer.stamp() }),
    ];
    if (batch.length === 0) return true;
    const written = await this.#writer.append(batch);
    if (!written) return false;
    logger.debug({ adapter: this.name, facts: batch.length, ...written }, 'reported');
    if (plan.held) logger.warn({ adapter: this.name, ...plan.held, releaseAt }, 'much vanished at once; it is kept');
    for (const [reason, count] of plan.released) logger.info({ adapter: this.name, count, reason }, 'no longer held');
    return true;
  }

  #settle(plan: WritePlan): void {
    const nowMs = this.#options.clock.nowMs();
    for (const subject of plan.settled) this.#pending.delete(subject);
    for (const write of plan.later) this.#pending.set(write);
    for (const [subject, said] of plan.moved) this.#damper.note(subject, nowMs, said);
    const held = this.#pending.of('held');
    const untilMs = this.#pending.nextMs(new Set(['held']));
    this.#board.update({
      heldCount: held.length,
      heldUntil: untilMs === undefined ? undefined : new Date(untilMs).toISOString(),
      dampenedCount: this.#pending.of('flapping').length,
      ...(plan.now.length > 0 && { changedAt: this.#now() }),
    });
    this.#wake();
  }

  #context(): PlanContext {
    const { clock, lossPolicy } = this.#options;
    const nowMs = clock.nowMs();
    return {
      memory: this.#writer.memory,
      pending: this.#pending,
      damper: this.#damper,
      lossPolicy,
      nowMs,
      actor: this.#writer.stamp().actor,
      releaseMs: this.#releaseMs(),
    };
  }

  /** When what is held from now on is released. What an earlier run held does not wait anew. */
  #releaseMs(): number {
    if (this.#openLoss) return this.#openLoss.requestedBy === undefined ? this.#openLoss.releaseMs : 0;
    return this.#options.clock.nowMs() + (this.#options.holdMs ?? defaultHoldMs);
  }

  /** Says what waits once it is due, until `signal` aborts. */
  async #sayWhenDue(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const nap = new AbortController();
      this.#wake = () => nap.abort();
      const napUntil = AbortSignal.any([signal, nap.signal]);
      const nextMs = this.#pending.nextMs(this.#board.current.state === 'synced' ? whenSynced : always);
      const waitMs = (nextMs ?? Number.POSITIVE_INFINITY) - clock.nowMs();
      if (waitMs === Number.POSITIVE_INFINITY) await aborted(napUntil);
      else if (waitMs > 0) await clock.sleep(waitMs, napUntil).catch(() => {});
      else await this.#inTurn(() => this.#sayDue(signal)).catch((error) => whenNot(signal, error));
    }
  }

  async #sayDue(signal: AbortSignal): Promise<void> {
    const isReadable = this.#board.current.state === 'synced';
    const due = () =>
      this.#pending.due(this.#options.clock.nowMs()).filter(({ reason }) => isReadable || reason !== 'held');
    await this.#carryOut(signal, () => ({ plan: planDue(this.#context(), due()) }));
  }

  /** Releases what is held when somebody asks for it in the log. */
  async #followRequests(signal: AbortSignal): Promise<void> {
    const { adapter, log, lossPolicy } = this.#options;
    if (!lossPolicy) return;
    let after = this.#writer.readTo;
    await this.#writer
      .untilAvailable(signal, async () => {
        const subject = releaseSubject(adapter);
        for await (const { events, bookmark } of log.subscribe({ after, subject, signal })) {
          const request = events.at(-1);
          if (request) await this.#inTurn(() => this.#releaseHeld(request, signal));
          after = bookmark;
        }
      })
      .catch((error) => whenNot(signal, error));
  }

  async #releaseHeld(request: RecordedEvent, signal: AbortSignal): Promise<void> {
    await this.#writer.untilAvailable(signal, () => this.#writer.readLog());
    await this.#carryOut(signal, () => ({
      plan: planDue(this.#context(), this.#pending.of('held'), request.id),
    }));
  }

  /** What an earlier run held is either held again or settled, which nothing else would say. */
  async #closeEarlierLoss(open: OpenLoss): Promise<void> {
    const { adapter, clock } = this.#options;
    if (this.#pending.of('held').length === 0) {
      const plan = { held: undefined, released: new Map([[reasonOf(open, clock.nowMs()), open.held]]) };
      const of = { adapter, memory: this.#writer.memory, heldBefore: open.held, releaseAt: '' };
      await this.#writer.append(lossFacts(plan, { ...of, ...this.#writer.stamp() }));
    }
    this.#openLoss = undefined;
  }

  /** What an earlier run held. */
  #noteLoss(event: RecordedEvent): void {
    if (!this.#hasSynced) this.#openLoss = foldLoss(this.#openLoss, event, this.#options.adapter);
  }

  #wasRead(): void {
    this.#board.update({ state: this.#readableState(), reason: undefined, readAt: this.#now() });
    // What is held waits for the platform to be readable.
    this.#wake();
  }

  #readableState(): AdapterStatus['state'] {
    return this.#hasSynced ? 'synced' : 'starting';
  }

  #now(): string {
    return this.#writer.stamp().time;
  }
}

/** Lets errors through that are no consequence of stopping. */
function whenNot(signal: AbortSignal, error: unknown): void {
  if (!signal.aborted) throw error;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
