// Writes an adapter's facts into the log and reads back what others wrote there, whatever happens to the log meanwhile.
import type { RecordedEvent } from '../events/envelope.ts';
import type { Append, EventLog } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { SessionFence, type SessionOptions } from './session-fence.ts';
import { SourceMemory, sourceOf } from './source-memory.ts';

/** Delays between tries while the log is unavailable: quick for a blip, then no more than once in five seconds. */
const retryMs = { min: 50, max: 5_000 };

/** What a writer needs. */
export interface FactWriterOptions {
  readonly adapter: { readonly platform: string; readonly instance: string };
  /** Of people's messages. */
  readonly name: string;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** See AdapterRunnerOptions. */
  readonly session?: SessionOptions;
  /** Told of each event that is read back. */
  readonly onRead: (event: RecordedEvent) => void;
}

/** Mutable; belongs to one runner. */
export class FactWriter {
  /** What this source has said so far. */
  readonly memory: SourceMemory;
  readonly #options: FactWriterOptions;
  readonly #fence: SessionFence | undefined;
  /** Facts position up to which the memory has seen other writers' events. */
  #readTo = 0;

  constructor(options: FactWriterOptions) {
    const { adapter, session } = options;
    this.#options = options;
    this.memory = new SourceMemory(sourceOf(adapter));
    this.#fence = session && new SessionFence(session, adapter);
  }

  /** See the field. */
  get readTo(): number {
    return this.#readTo;
  }

  /** Actor of every fact, and the time now. */
  stamp(): { readonly actor: string; readonly time: string } {
    const { adapter, clock } = this.#options;
    return { actor: `adapter:${adapter.platform}`, time: new Date(clock.nowMs()).toISOString() };
  }

  /** Shows the memory what was written since it last looked: its own platform's facts and all configuration. */
  async readLog(): Promise<void> {
    const { log, adapter, onRead } = this.#options;
    const to = (await log.head()).position;
    const from = this.#readTo + 1;
    if (from > to) return;
    for (const subject of [`registry/${adapter.platform}`, 'config']) {
      for await (const event of log.read({ from, to, subject })) {
        this.#absorb(event);
        onRead(event);
      }
    }
    this.#readTo = to;
  }

  /**
   * All or nothing. The position of the batch; undefined when another writer was first and the memory is behind. Rejects with MeshError
   * `conflict` when another replica has opened a session.
   */
  async append(batch: readonly Append[]): Promise<{ readonly position: number } | undefined> {
    const result = await this.#options.log.append(this.#fence?.guarded(batch) ?? batch);
    if (!result.ok) return undefined;
    for (const event of result.events) this.#absorb(event);
    return { position: result.position };
  }

  /** Where replicas share the log: makes this one the one that writes. */
  async openSession(signal: AbortSignal): Promise<void> {
    const fence = this.#fence;
    if (!fence) return;
    await this.untilAvailable(signal, async () => {
      while (!fence.isOpen) {
        const result = await this.#options.log.append([await fence.opening(this.memory, this.stamp())]);
        if (result.ok) for (const event of result.events) this.#absorb(event);
        else await this.readLog();
      }
    });
  }

  /** Tries `step` until the log is available. Rejects with any other error, or the signal's reason. */
  async untilAvailable(signal: AbortSignal, step: (isRetry: boolean) => Promise<void>): Promise<void> {
    const { clock, logger, name } = this.#options;
    for (let delayMs = retryMs.min, tries = 0; ; delayMs = Math.min(delayMs * 2, retryMs.max), tries++) {
      signal.throwIfAborted();
      try {
        return await step(tries > 0);
      } catch (error) {
        if (!(error instanceof MeshError) || error.code !== 'unavailable') throw error;
        logger.warn({ adapter: name, error: messageOf(error), delayMs }, 'the log is unavailable; trying again');
        await clock.sleep(delayMs, signal);
      }
    }
  }

  #absorb(event: RecordedEvent): void {
    this.memory.absorb(event);
    this.#fence?.absorb(event);
  }
}
