// One thread with an adapter module in it: started, asked whether it lives, listened to, ended. Nothing in it can stop the control plane.
import { Worker } from 'node:worker_threads';
import { guestEnvironment, Watchdog } from '../../lib/guest-thread.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { FromModule, ThreadData, ToModule } from './messages.ts';

/** Bounds of one thread. */
export interface ModuleLimits {
  /** From the start until `createAdapter` has given its adapter, in milliseconds: modules with many dependencies load slowly from a cold disk. */
  readonly loadMs: number;
  /** A thread that answers nothing for so long is stuck in a loop; long enough for a collection of its whole heap on a busy machine. */
  readonly answerMs: number;
  /** An adapter that has said nothing for so long after its start is shown as lost, so that nobody waits for it. */
  readonly firstWordMs: number;
  /** From the request to stop until the thread is ended. */
  readonly stopMs: number;
  /** Of its heap: tens of thousands of endpoints take some 100. */
  readonly maxHeapMiB: number;
}

/** See ModuleLimits. */
export const defaultModuleLimits: ModuleLimits = {
  loadMs: 30_000,
  answerMs: 30_000,
  firstWordMs: 60_000,
  stopMs: 1_500,
  maxHeapMiB: 512,
};

/** See the file's first line. */
export class ModuleThread {
  readonly #worker: Worker;
  readonly #module: string;
  readonly #limits: ModuleLimits;
  /** Rejects once, when the thread has failed or ended. */
  readonly #failure = Promise.withResolvers<never>();
  readonly #created = Promise.withResolvers<{ readonly platform: unknown; readonly instance: unknown }>();
  readonly #ended = Promise.withResolvers<void>();
  #onCall: ((message: Extract<FromModule, { type: 'call' }>) => void) | undefined;
  readonly #watchdog: Watchdog;

  constructor(data: ThreadData, { limits, logger }: { readonly limits: ModuleLimits; readonly logger: Logger }) {
    this.#module = data.module;
    this.#limits = limits;
    this.#failure.promise.catch(() => {});
    this.#created.promise.catch(() => {});
    // Beside this file, whether it is source or compiled.
    const file = new URL(import.meta.url.replace(/module-thread(\.\w+)$/, 'worker-main$1'));
    this.#worker = new Worker(file, {
      workerData: data,
      execArgv: [],
      env: guestEnvironment(process.env, 'PERIPLUS_ADAPTER_'),
      resourceLimits: { maxOldGenerationSizeMb: limits.maxHeapMiB },
      ...{ stdin: false, stdout: true, stderr: true },
    });
    this.#listen(logger);
    const { answerMs } = limits;
    this.#watchdog = new Watchdog({
      answerMs,
      ask: () => this.send({ type: 'ping' }),
      stuck: () => this.#fail(`does not answer for ${answerMs} ms: its thread is stuck, and is ended`),
    });
  }

  /** What `createAdapter` gave. Rejects with MeshError: `usage` when the module can't be used, `unavailable` when it hangs or ends. */
  async created(): Promise<{ readonly platform: unknown; readonly instance: unknown }> {
    const { loadMs } = this.#limits;
    const late = new MeshError('unavailable', `the adapter module ${this.#module} was not loaded within ${loadMs} ms`);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(late), loadMs)));
    try {
      return await Promise.race([this.#created.promise, this.#failure.promise, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs its adapter until that ends, or has stopped after `signal` aborted. Rejects with MeshError when it fails. */
  async run(onCall: (message: Extract<FromModule, { type: 'call' }>) => void, signal: AbortSignal): Promise<void> {
    this.#onCall = onCall;
    this.send({ type: 'run' });
    let timer: NodeJS.Timeout | undefined;
    const stopped = new Promise<void>((resolve) => {
      const stop = () => {
        this.send({ type: 'stop' });
        timer = setTimeout(resolve, this.#limits.stopMs);
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
    try {
      await Promise.race([this.#ended.promise, stopped, this.#failure.promise]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  send(message: ToModule): void {
    this.#worker.postMessage(message);
  }

  /** Ends the thread, whatever it does. */
  async end(): Promise<void> {
    this.#watchdog.stop();
    await this.#worker.terminate();
  }

  #fail(what: string): void {
    this.#failure.reject(new MeshError('unavailable', `the adapter module ${this.#module} ${what}`));
  }

  #listen(logger: Logger): void {
    this.#worker
      .on('message', (message: FromModule) => {
        this.#watchdog.heard();
        if (message.type === 'created') this.#created.resolve(message);
        else if (message.type === 'ended') this.#ended.resolve();
        else if (message.type === 'call') this.#onCall?.(message);
        else if (message.type === 'failed')
          this.#failure.reject(new MeshError(message.error.code, message.error.message));
      })
      .on('error', (error) => this.#fail(`failed: ${error instanceof Error ? error.message : String(error)}`))
      .on('messageerror', () => this.#fail('sent something that can not be sent between threads'))
      .on('exit', (code) => {
        this.#watchdog.stop();
        this.#fail(`ended its thread with code ${code}`);
      });
    for (const stream of [this.#worker.stdout, this.#worker.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        for (const line of chunk.trim().split('\n').slice(0, 20))
          logger.info({ adapter: this.#module, line: line.slice(0, 1_000) }, 'the adapter module printed');
      });
  }
}
