// Runs one adapter and turns what it shows into facts in the log, one atomic batch at a time.
import type { Append, EventLog } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import { Latest } from '../lib/latest.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import type { Adapter, AdapterSink, Observed, ReplaceOptions } from './adapter.ts';
import { type Difference, diffScopes } from './diff.ts';
import { SourceMemory, sourceOf } from './source-memory.ts';

/** How an adapter is doing, for `periplus check`, metrics and /readyz. */
export interface AdapterStatus {
  readonly platform: string;
  readonly instance: string;
  /** `starting`: it has not shown everything yet; `lost`: its platform can't be read, what it said before stays in force. */
  readonly state: 'starting' | 'synced' | 'lost';
  /** Why it is lost. */
  readonly reason?: string;
  /** What is wrong with which scope; its previous content stays in force. */
  readonly problems: ReadonlyMap<string, string>;
  /** Things that vanished and are kept because the loss was judged to be too sudden. */
  readonly heldCount: number;
  /** When the platform was last read, RFC 3339. */
  readonly readAt?: string;
}

/** A step that would deregister `lost` of the `before` things that the source says exist. */
export interface Loss {
  readonly source: string;
  readonly scopes: readonly string[];
  readonly before: number;
  readonly lost: number;
}

/** Judges a loss: `hold` keeps everything that vanished until a later step is judged otherwise. */
export type LossPolicy = (loss: Loss) => 'apply' | 'hold';

/** What a runner needs. */
export interface AdapterRunnerOptions {
  readonly adapter: Adapter;
  /** The facts log. */
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** By default every loss is applied: a user who removes files means it. */
  readonly lossPolicy?: LossPolicy;
}

/** Delays between tries while the log is unavailable: quick for a blip, then no more than once in five seconds. */
const retryMs = { min: 50, max: 5_000 };

/** See the file's first line. May be run again after `run` rejected; what it knows stays. */
export class AdapterRunner implements Service {
  readonly name: string;
  readonly status: Latest<AdapterStatus>;
  readonly #options: AdapterRunnerOptions;
  readonly #memory: SourceMemory;
  #hasSynced = false;
  /** How many vanished things are kept, by scope. */
  readonly #held = new Map<string, number>();
  /** Facts position up to which the memory has seen other writers' events. */
  #readTo = 0;
  /** Writes happen one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: AdapterRunnerOptions) {
    const { platform, instance } = options.adapter;
    this.#options = options;
    this.#memory = new SourceMemory(sourceOf(options.adapter));
    this.name = `adapter ${platform} ${instance}`;
    this.status = new Latest();
    this.status.set({ platform, instance, state: 'starting', problems: new Map(), heldCount: 0 });
  }

  /** Runs the adapter until `signal` aborts; rejects when it does. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#untilAvailable(signal, () => this.#readLog());
    await this.#options.adapter.run(this.#sink(signal), signal);
  }

  #sink(signal: AbortSignal): AdapterSink {
    const replaceAll: AdapterSink['replaceAll'] = (contents, options) =>
      this.#inTurn(() => this.#write(contents, options ?? {}, signal));
    return {
      replaceAll,
      replace: (scope, items, options) => replaceAll(new Map([[scope, items]]), options),
      synced: (scopes) => this.#inTurn(() => this.#synced(scopes, signal)),
      lost: (reason) => this.#lost(reason),
      problem: (scope, message) => this.#problem(scope, message),
    };
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(step);
    this.#queue = done.catch(() => {});
    return done;
  }

  async #synced(scopes: readonly string[], signal: AbortSignal): Promise<void> {
    const exist = new Set(scopes);
    const vanished = this.#memory.scopes().filter((scope) => !exist.has(scope));
    if (vanished.length > 0) await this.#write(new Map(vanished.map((scope) => [scope, []])), {}, signal);
    this.#hasSynced = true;
    this.#update({ state: 'synced', reason: undefined, readAt: this.#now() });
  }

  async #write(
    contents: ReadonlyMap<string, readonly Observed[]>,
    options: ReplaceOptions,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#untilAvailable(signal, async (isRetry) => {
      // After a failed or refused try the log may hold more than the memory knows, this very batch included.
      if (isRetry) await this.#readLog();
      while (!(await this.#tryWrite(contents, options))) await this.#readLog();
    });
    this.#update({ state: this.#hasSynced ? 'synced' : 'starting', reason: undefined, readAt: this.#now() });
  }

  /** False when another writer was first: the memory is behind. */
  async #tryWrite(contents: ReadonlyMap<string, readonly Observed[]>, options: ReplaceOptions): Promise<boolean> {
    const stamp = { actor: `adapter:${this.#options.adapter.platform}`, time: options.time ?? this.#now() };
    const difference = diffScopes(this.#memory, contents, stamp);
    const batch = options.keepMissing ? difference.registered : this.#judged(difference, [...contents.keys()]);
    if (batch.length > 0) {
      const result = await this.#options.log.append(batch);
      if (!result.ok) return false;
      for (const event of result.events) this.#memory.absorb(event);
      const { position } = result;
      this.#options.logger.debug({ adapter: this.name, facts: batch.length, position }, 'reported');
    }
    for (const [subject, scope] of difference.claims) this.#memory.claim(subject, scope);
    return true;
  }

  #judged({ registered, deregistered }: Difference, scopes: readonly string[]): readonly Append[] {
    const loss: Loss = {
      source: this.#memory.source,
      scopes,
      before: this.#memory.said.size,
      lost: deregistered.length,
    };
    const isHeld = loss.lost > 0 && this.#options.lossPolicy?.(loss) === 'hold';
    if (isHeld) this.#options.logger.warn({ adapter: this.name, ...loss }, 'much vanished at once; it is kept for now');
    for (const scope of scopes) this.#held.delete(scope);
    for (const { event } of isHeld ? deregistered : []) {
      const scope = this.#memory.said.get(event.subject)?.scope ?? '';
      this.#held.set(scope, (this.#held.get(scope) ?? 0) + 1);
    }
    this.#update({ heldCount: [...this.#held.values()].reduce((sum, count) => sum + count, 0) });
    return isHeld ? registered : [...registered, ...deregistered];
  }

  /** Shows the memory what was written since it last looked: its own platform's facts and all configuration. */
  async #readLog(): Promise<void> {
    const { log, adapter } = this.#options;
    const to = (await log.head()).position;
    const from = this.#readTo + 1;
    if (from > to) return;
    for (const subject of [`registry/${adapter.platform}`, 'config']) {
      for await (const event of log.read({ from, to, subject })) this.#memory.absorb(event);
    }
    this.#readTo = to;
  }

  async #untilAvailable(signal: AbortSignal, step: (isRetry: boolean) => Promise<void>): Promise<void> {
    for (let delayMs = retryMs.min, tries = 0; ; delayMs = Math.min(delayMs * 2, retryMs.max), tries++) {
      signal.throwIfAborted();
      try {
        return await step(tries > 0);
      } catch (error) {
        if (!(error instanceof MeshError) || error.code !== 'unavailable') throw error;
        this.#options.logger.warn(
          { adapter: this.name, error: messageOf(error), delayMs },
          'the log is unavailable; trying again',
        );
        await this.#options.clock.sleep(delayMs, signal);
      }
    }
  }

  #lost(reason: string): void {
    const { state, reason: known } = this.#current();
    if (state === 'lost' && known === reason) return;
    this.#options.logger.warn(
      { adapter: this.name, reason },
      'the platform cannot be read; everything it showed is kept',
    );
    this.#update({ state: 'lost', reason });
  }

  #problem(scope: string, message: string | undefined): void {
    const problems = new Map(this.#current().problems);
    if (problems.get(scope) === message) return;
    if (message === undefined) problems.delete(scope);
    else problems.set(scope, message);
    if (message !== undefined)
      this.#options.logger.warn({ adapter: this.name, scope, problem: message }, 'not applied');
    this.#update({ problems });
  }

  #current(): AdapterStatus {
    const { platform, instance } = this.#options.adapter;
    return this.status.value ?? { platform, instance, state: 'starting', problems: new Map(), heldCount: 0 };
  }

  #update(changes: { readonly [K in keyof AdapterStatus]?: AdapterStatus[K] | undefined }): void {
    const { reason, ...status } = { ...this.#current(), ...changes } as AdapterStatus;
    this.status.set({ ...status, ...(reason !== undefined && { reason }) });
  }

  #now(): string {
    return new Date(this.#options.clock.nowMs()).toISOString();
  }
}
