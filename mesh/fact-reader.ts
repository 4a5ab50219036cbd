// Follows the facts log and keeps the newest snapshot: a single change at once, a storm coalesced, an ailing log waited out.
import type { RecordedEvent } from '../events/envelope.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { MeshConfig } from './config/mesh-config.ts';
import type { Snapshot } from './snapshot.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';

/** Waits between attempts to read a log that is away, in ms: doubling from the first to the last. */
const retryMs = { first: 200, last: 5_000 } as const;

/** Why there is no snapshot of position `bad`. */
export interface FoldFailure {
  /** Last position that was frozen. */
  readonly good: number;
  readonly bad: number;
  /** The event that could not be folded; absent when freezing failed, whatever event that is due to. */
  readonly event?: RecordedEvent;
  readonly error: unknown;
}

/** What a reader tells. */
export interface FactReaderEvents {
  /** A newer snapshot; the next one is taken when the promise has settled, so that slow work coalesces changes. */
  snapshot(snapshot: Snapshot): Promise<void>;
  folded(events: number): void;
  /** An event can't be folded (it is left out), or what was folded can't be frozen. */
  broken(failure: {
    readonly good: number;
    readonly bad: number;
    readonly event?: RecordedEvent;
    readonly error: unknown;
  }): void;
  logFailed(error: unknown): void;
}

/** See the file's first line. */
export class FactReader {
  readonly #facts: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #mesh: MeshConfig | undefined;
  readonly #events: FactReaderEvents;
  #builder: SnapshotBuilder;
  /** Position up to which the log has been read, events without meaning included. */
  #bookmark = 0;
  #caughtUp = false;
  #goodPosition = 0;
  /** No snapshot has been made of what was folded. */
  #unpublished = true;
  #publishing: Promise<void> | undefined;
  #dirty = false;

  constructor(options: {
    readonly facts: EventLog;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly mesh?: MeshConfig;
    readonly events: FactReaderEvents;
  }) {
    this.#facts = options.facts;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#mesh = options.mesh;
    this.#events = options.events;
    this.#builder = this.#newBuilder();
  }

  /** True once everything that was in the log at the start has been folded. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Reads until `signal` aborts. A log that fails is tried again for ever: what is known stays served meanwhile. */
  async run(signal: AbortSignal): Promise<void> {
    let delayMs: number = retryMs.first;
    while (!signal.aborted) {
      try {
        await this.#follow(signal, () => {
          delayMs = retryMs.first;
        });
      } catch (error) {
        this.#failed(error);
      }
      if (signal.aborted) break;
      await this.#clock.sleep(delayMs, signal).catch(() => {});
      delayMs = Math.min(delayMs * 2, retryMs.last);
    }
    await this.#publishing;
  }

  async #follow(signal: AbortSignal, onHealthy: () => void): Promise<void> {
    const builder = this.#builder;
    let live = false;
    for await (const batch of this.#facts.subscribe({ after: this.#bookmark, signal })) {
      if (builder !== this.#builder) return; // thrown away by #freeze: read again from the start
      for (const event of batch.events) this.#fold(event);
      this.#bookmark = Math.max(this.#bookmark, batch.bookmark);
      live ||= batch.live;
      if (!live) continue;
      this.#caughtUp = true;
      if (batch.events.length > 0 || this.#unpublished) this.#publish();
      if (builder !== this.#builder) return;
      onHealthy();
    }
  }

  #fold(event: RecordedEvent): void {
    if (event.position <= this.#builder.position) return;
    try {
      this.#builder.apply(event);
      this.#events.folded(1);
    } catch (error) {
      this.#events.broken({ good: event.position - 1, bad: event.position, event, error });
    }
  }

  /** At once when nothing is being published, else as soon as that is done: no change waits for a timer. */
  #publish(): void {
    this.#dirty = true;
    this.#publishing ??= this.#publishAll().finally(() => {
      this.#publishing = undefined;
    });
  }

  async #publishAll(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false;
      const snapshot = this.#freeze();
      if (snapshot) await this.#events.snapshot(snapshot);
    }
  }

  #freeze(): Snapshot | undefined {
    try {
      const snapshot = this.#builder.snapshot();
      this.#goodPosition = snapshot.position;
      this.#unpublished = false;
      return snapshot;
    } catch (error) {
      this.#events.broken({ good: this.#goodPosition, bad: this.#builder.position, error });
      // What the builder holds now is in doubt: fold from nothing.
      this.#builder = this.#newBuilder();
      this.#bookmark = 0;
      this.#unpublished = true;
      return undefined;
    }
  }

  #failed(error: unknown): void {
    this.#events.logFailed(error);
    const corrupt = error instanceof MeshError && error.code === 'corrupt';
    const message = corrupt
      ? 'the facts log is damaged; the last snapshot stays served'
      : 'the facts log can not be read; trying again';
    this.#logger[corrupt ? 'error' : 'warn']({ error: messageOf(error), position: this.#builder.position }, message);
  }

  #newBuilder(): SnapshotBuilder {
    return new SnapshotBuilder({ ...(this.#mesh && { mesh: this.#mesh }) });
  }
}
