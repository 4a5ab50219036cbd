// Appends delivery events to their log: off the hot path, in batches, bounded while the log is away.
import type { NewEvent } from '../../events/envelope.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';

/** Bounds of a recorder. */
export interface RecorderLimits {
  /** How long events wait for company, in ms: short for people, long enough for a wave of pushes and ACKs to be over before it is written. */
  readonly flushMs: number;
  /** How long, at most, events wait while a change is on its way to proxies, in ms: writing them takes the thread that serves these. */
  readonly maxPushingMs: number;
  /** The same, as a number: in a storm of changes recording must keep up. */
  readonly maxPushingEvents: number;
  /** A full batch does not wait for company. */
  readonly batchEvents: number;
  /** Events kept while the log is away: some minutes of a busy mesh, some 50 MB. Beyond it new ones are dropped and counted. */
  readonly maxBuffered: number;
  /** How long stopping may take, in ms. */
  readonly stopMs: number;
}

/** What is used where nothing else is said. */
export const defaultRecorderLimits: RecorderLimits = {
  flushMs: 50,
  maxPushingMs: 1_000, // a change takes 2,000 proxies a fifth of that
  maxPushingEvents: 10_000, // a change to 5,000 proxies and their answers
  batchEvents: 2000,
  maxBuffered: 100_000,
  stopMs: 2_000,
};

/** An event in the making: manifests are hashed when the batch is made, not when the response is sent. */
export type Pending = () => readonly NewEvent[];

/** What a writer stands on. */
export interface DeliveryWriterOptions {
  readonly deliveries: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether proxies are being served: writing waits for that, within bounds. */
  readonly isPushing?: () => boolean;
  readonly limits?: Partial<RecorderLimits>;
}

/** See the file's first line. */
export class DeliveryWriter {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: RecorderLimits;
  readonly #isPushing: () => boolean;
  #pending: Pending[] = [];
  /** Made, but not acknowledged by the log. */
  #outgoing: NewEvent[] = [];
  #dropped = 0;
  #wake: (() => void) | undefined;

  constructor(options: DeliveryWriterOptions) {
    this.#log = options.deliveries;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#isPushing = options.isPushing ?? (() => false);
    this.#limits = { ...defaultRecorderLimits, ...options.limits };
  }

  /** Events lost since the start because the log was away for too long or refused them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Events that are not in the log yet. */
  get buffered(): number {
    return this.#pending.length + this.#outgoing.length;
  }

  /** Takes events to be made and written later; drops and counts them when too many wait. */
  add(make: Pending): void {
    if (this.buffered >= this.#limits.maxBuffered) {
      this.#drop(1, 'the deliveries log has been away for too long');
      return;
    }
    this.#pending.push(make);
    this.#wake?.();
  }

  /** Writes until `signal` aborts, and then what is left. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      await this.#until(signal, failures);
      failures = (await this.#flush()) ? 0 : failures + 1;
    }
    await Promise.race([this.#flushAll(), this.#clock.sleep(this.#limits.stopMs)]);
    if (this.buffered > 0) this.#drop(this.buffered, 'Pilot stopped before the deliveries log took them');
  }

  /** Waits for something to write, and then for company; after failures longer each time, up to 5 s. */
  async #until(signal: AbortSignal, failures: number): Promise<void> {
    if (this.buffered === 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          signal.removeEventListener('abort', done);
          this.#wake = undefined;
          resolve();
        };
        this.#wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
    }
    const { batchEvents, flushMs } = this.#limits;
    await this.#untilPushed(signal);
    if (signal.aborted || (failures === 0 && this.buffered >= batchEvents)) return;
    const waitMs = Math.min(flushMs * 2 ** Math.min(failures, 12), 5_000);
    await this.#clock.sleep(waitMs, signal).catch(() => {});
  }

  async #untilPushed(signal: AbortSignal): Promise<void> {
    const { flushMs, maxPushingMs, maxPushingEvents } = this.#limits;
    for (let waitedMs = 0; waitedMs < maxPushingMs && !signal.aborted; waitedMs += flushMs) {
      if (!this.#isPushing() || this.buffered > maxPushingEvents) return;
      await this.#clock.sleep(flushMs, signal).catch(() => {});
    }
  }

  async #flushAll(): Promise<void> {
    while (this.buffered > 0) if (!(await this.#flush())) return;
  }

  /** Appends one batch; false when the log did not take it. */
  async #flush(): Promise<boolean> {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#pending.splice(0, this.#limits.batchEvents).flatMap((make) => make());
    }
    if (this.#outgoing.length === 0) return true;
    try {
      await this.#log.append(this.#outgoing.map((event) => ({ event })));
      this.#outgoing = [];
      return true;
    } catch (error) {
      if (error instanceof MeshError && error.code === 'invalid') return await this.#flushOneByOne();
      this.#logger.warn(
        { error: messageOf(error), buffered: this.buffered },
        'the deliveries log does not take events; keeping them',
      );
      return false;
    }
  }

  /** One event that the log refuses must not cost the others. */
  async #flushOneByOne(): Promise<boolean> {
    for (let event = this.#outgoing[0]; event; event = this.#outgoing[0]) {
      try {
        await this.#log.append([{ event }]);
      } catch (error) {
        if (!(error instanceof MeshError && error.code === 'invalid')) return false;
        this.#drop(1, messageOf(error));
      }
      this.#outgoing.shift();
    }
    return true;
  }

  #drop(count: number, reason: string): void {
    const before = this.#dropped;
    this.#dropped += count;
    // Loud, but not a line per event: the first, and then each thousandth.
    if (before === 0 || Math.floor(before / 1000) !== Math.floor(this.#dropped / 1000)) {
      this.#logger.error({ dropped: this.#dropped, reason }, 'delivery events were lost');
    }
  }
}
