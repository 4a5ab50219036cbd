// Spreads reading requests and issuing certificates over threads when many ask at once; a mesh at leisure is served without any.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { MeshError, type MeshErrorCode } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import { type CsrParse, parseCsr } from './csr.ts';
import { type IssuedCertificate, issueSvid } from './issue.ts';

/** What a thread is asked. */
export type SigningJob =
  | { readonly kind: 'parse'; readonly pem: string }
  | { readonly kind: 'issue'; readonly options: Parameters<typeof issueSvid>[0] };
/** What it answers. */
export type SigningAnswer =
  | { readonly ok: true; readonly result: CsrParse | IssuedCertificate }
  | { readonly ok: false; readonly code: MeshErrorCode; readonly message: string };

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}
interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/** Jobs that the process's own thread takes before others are started: 20 ms of work, as when a small mesh starts. */
const ownJobs = 16;
/** Threads cost 30 MB each: they end when nobody asked for so long. */
const idleMs = 30_000;

/** See the file's first line. Private keys stay handles: threads of one process share them without their being exported. */
export class SigningPool implements Service {
  readonly name = 'signing threads';
  readonly #size: number;
  readonly #threads = new Set<Thread>();
  #own = 0;
  #next = 0;
  #idle: NodeJS.Timeout | undefined;

  /** `threads`: at most so many; default one for each core. 0: everything is done on the process's own. */
  constructor(options: { readonly threads?: number } = {}) {
    this.#size = options.threads ?? availableParallelism();
  }

  /** Threads that run now. */
  get threads(): number {
    return this.#threads.size;
  }

  /** As csr.ts's. */
  readonly parseCsr = async (pem: string): Promise<CsrParse> =>
    (await this.#do({ kind: 'parse', pem }, () => parseCsr(pem))) as CsrParse;

  /** As issue.ts's. Rejects with MeshError `unavailable` when its thread ends meanwhile. */
  readonly issueSvid = async (options: Parameters<typeof issueSvid>[0]): Promise<IssuedCertificate> =>
    (await this.#do({ kind: 'issue', options }, () => issueSvid(options))) as IssuedCertificate;

  /** Ends the threads when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await this.close();
  }

  /** Ends the threads; what they were asked is rejected. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  async #do(job: SigningJob, here: () => Promise<unknown>): Promise<unknown> {
    if (this.#size === 0 || (this.#threads.size === 0 && this.#own < ownJobs)) {
      this.#own++;
      return await here().finally(() => this.#own--);
    }
    return await this.#ask(this.#freest(), job);
  }

  #freest(): Thread {
    const [first, ...others] = [...this.#threads].sort((a, b) => a.waiting.size - b.waiting.size);
    if (first && (first.waiting.size === 0 || others.length + 1 >= this.#size)) return first;
    return this.#start();
  }

  #ask(thread: Thread, job: SigningJob): Promise<unknown> {
    const id = this.#next++;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.close(), idleMs).unref();
    return new Promise((resolve, reject) => {
      thread.waiting.set(id, { resolve, reject });
      thread.worker.postMessage({ id, job });
    });
  }

  #start(): Thread {
    // Beside this file, whether it is source or compiled.
    const file = new URL(import.meta.url.replace(/signing-pool(\.\w+)$/, 'signing-worker$1'));
    const worker = new Worker(file, { execArgv: [] });
    worker.unref();
    const thread: Thread = { worker, waiting: new Map() };
    this.#threads.add(thread);
    worker.on('message', ({ id, answer }: { readonly id: number; readonly answer: SigningAnswer }) => {
      const waiting = thread.waiting.get(id);
      thread.waiting.delete(id);
      if (answer.ok) waiting?.resolve(answer.result);
      else waiting?.reject(new MeshError(answer.code, answer.message));
    });
    const ended = () => {
      this.#threads.delete(thread);
      const error = new MeshError('unavailable', 'the thread that signs has ended; try again');
      for (const { reject } of thread.waiting.values()) reject(error);
      thread.waiting.clear();
    };
    worker.on('error', ended).on('exit', ended);
    return thread;
  }
}
