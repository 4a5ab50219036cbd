// A handler module's thread as Mixer sees it: calls with answers, a watchdog, and an end that ends every call.
import { Worker } from 'node:worker_threads';
import { guestEnvironment, Watchdog } from '../../../../lib/guest-thread.ts';
import type { Logger } from '../../../../lib/logger.ts';
import { MeshError, messageOf } from '../../../../lib/mesh-error.ts';
import type { FromModule, HandlerCall, ThreadData, ToModule } from './messages.ts';

/** Bounds of one thread. */
export interface ThreadLimits {
  /** Without a sign of life for so long, twice in a row, the thread is stuck in a loop, in ms. */
  readonly answerMs: number;
  /** From the start to the first sign of life, in ms. */
  readonly startMs: number;
  readonly maxHeapMiB: number;
  /** To finish when told to stop, in ms. */
  readonly stopMs: number;
}

/** A thread starts within some seconds on a very busy machine; 256 MiB hold a large table; Mixer itself drains for a second. */
export const defaultThreadLimits: ThreadLimits = { answerMs: 5_000, startMs: 30_000, maxHeapMiB: 256, stopMs: 1_000 };

/** See the file's first line. */
export class HandlerThread {
  readonly #worker: Worker;
  readonly #name: string;
  readonly #limits: ThreadLimits;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ended = Promise.withResolvers<MeshError | undefined>();
  readonly #watchdog: Watchdog;
  #calls = 0;
  #isOver = false;

  constructor(data: ThreadData, limits: ThreadLimits, logger: Logger) {
    this.#name = data.name;
    this.#limits = limits;
    // Beside this file, whether it is source or compiled.
    const file = new URL(import.meta.url.replace(/handler-thread(\.\w+)$/, 'worker-main$1'));
    this.#worker = new Worker(file, {
      workerData: data,
      execArgv: [],
      env: guestEnvironment(process.env, 'PERIPLUS_HANDLER_'),
      resourceLimits: { maxOldGenerationSizeMb: limits.maxHeapMiB },
    });
    this.#worker.unref();
    this.#worker.on('message', (message: FromModule) => this.#take(message, logger));
    this.#worker.on('error', (error) => this.#end(messageOf(error)));
    this.#worker.on('exit', (code) => this.#end(`its thread ended with code ${code}`));
    this.#watchdog = new Watchdog({
      ...limits,
      ask: () => this.#say({ type: 'ping' }),
      stuck: () => this.#end('its thread is stuck: it gives no sign of life'),
    });
  }

  /** Resolves when the thread is over, with the reason unless it was told to stop. */
  get ended(): Promise<MeshError | undefined> {
    return this.#ended.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Rejects with MeshError `unavailable` when the module does, when the thread ends, or when `signal` aborts. */
  ask(call: HandlerCall, signal: AbortSignal): Promise<unknown> {
    if (this.#isOver) return Promise.reject(new MeshError('unavailable', `handler ${this.#name}: its thread is over`));
    const id = ++this.#calls;
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(id, answer);
    const onAbort = () => {
      this.#say({ type: 'abort', id });
      answer.reject(new MeshError('unavailable', `handler ${this.#name}: no answer in time`));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#say({ type: 'call', id, call });
    return answer.promise.finally(() => {
      this.#pending.delete(id);
      signal.removeEventListener('abort', onAbort);
    });
  }

  /** Tells the module to stop, and ends its thread when it does not. */
  async stop(): Promise<void> {
    this.#say({ type: 'stop' });
    const timer = setTimeout(() => this.#end(undefined), this.#limits.stopMs);
    await this.#ended.promise;
    clearTimeout(timer);
    await this.#worker.terminate();
  }

  #say(message: ToModule): void {
    this.#worker.postMessage(message);
  }

  #take(message: FromModule, logger: Logger): void {
    this.#watchdog.heard();
    switch (message.type) {
      case 'answer':
        this.#pending.get(message.id)?.resolve(message.value);
        return;
      case 'refusal':
        this.#pending
          .get(message.id)
          ?.reject(new MeshError('unavailable', `handler ${this.#name}: ${message.message}`));
        return;
      case 'log':
        logger[message.level]({ handler: this.#name }, message.message);
        return;
      case 'failed':
        this.#end(message.message);
        return;
      case 'ended':
        this.#end(undefined);
        return;
      case 'pong':
        return;
      default:
        message satisfies never;
    }
  }

  #end(why: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watchdog.stop();
    const reason = why === undefined ? undefined : new MeshError('unavailable', `handler ${this.#name}: ${why}`);
    for (const { reject } of this.#pending.values())
      reject(reason ?? new MeshError('unavailable', `handler ${this.#name} stops`));
    this.#ended.resolve(reason);
    void this.#worker.terminate();
  }
}
