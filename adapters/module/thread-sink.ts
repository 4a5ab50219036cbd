// The sink that an adapter has in a module's thread: each word goes to the control plane's thread, one at a time.
import { MeshError } from '../../lib/mesh-error.ts';
import type { AdapterSink, Observed, ReplaceOptions } from '../adapter.ts';
import { subjectOf } from '../fact.ts';
import type { FromModule, SentError, SinkCall } from './messages.ts';

/** Mutable; belongs to one run. */
export class ThreadSink implements AdapterSink {
  readonly #say: (message: FromModule) => void;
  readonly #signal: AbortSignal;
  /** What this run has said, by scope and subject: a function can't be sent, so whether a loss is explicit is decided here. */
  readonly #said = new Map<string, ReadonlyMap<string, Observed>>();
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #next = 0;
  /** One word at a time: what waits is this thread's memory, not the control plane's. */
  #queue: Promise<void> = Promise.resolve();

  constructor(say: (message: FromModule) => void, signal: AbortSignal) {
    this.#say = say;
    this.#signal = signal;
  }

  replace(scope: string, items: readonly Observed[], options?: ReplaceOptions): Promise<void> {
    return this.replaceAll(new Map([[scope, items]]), options);
  }

  replaceAll(contents: ReadonlyMap<string, readonly Observed[]>, options: ReplaceOptions = {}): Promise<void> {
    const { time, keepMissing, explicit } = options;
    return this.#inTurn(async () => {
      const shown = new Map([...contents].map(([scope, items]) => [scope, bySubject(items)] as const));
      await this.#ask({
        method: 'replaceAll',
        contents,
        ...(time !== undefined && { time }),
        ...(keepMissing !== undefined && { keepMissing }),
        explicit: explicit ? this.#explicitIn(shown, explicit) : [],
      });
      for (const [scope, items] of shown) this.#said.set(scope, items);
    });
  }

  synced(scopes: readonly string[]): Promise<void> {
    return this.#inTurn(() => this.#ask({ method: 'synced', scopes }));
  }

  lost(reason: string): void {
    this.#tell({ method: 'lost', reason });
  }

  problem(scope: string, message: string | undefined): void {
    this.#tell({ method: 'problem', scope, message });
  }

  /** The control plane's answer to word `id`. */
  done(id: number, error: SentError | undefined): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new MeshError(error.code, error.message));
    else waiting?.resolve();
  }

  /** What is gone now, of what was said before, and was taken out on purpose. */
  #explicitIn(
    shown: ReadonlyMap<string, ReadonlyMap<string, Observed>>,
    isExplicit: (gone: Observed) => boolean,
  ): readonly string[] {
    const subjects: string[] = [];
    for (const [scope, items] of shown)
      for (const [subject, observed] of this.#said.get(scope) ?? [])
        if (!items.has(subject) && isExplicit(observed)) subjects.push(subject);
    return subjects;
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(step);
    this.#queue = done.catch(() => {});
    return done;
  }

  async #ask(call: SinkCall): Promise<void> {
    this.#signal.throwIfAborted();
    const answer = Promise.withResolvers<void>();
    const id = this.#next++;
    this.#waiting.set(id, answer);
    this.#say({ type: 'call', id, call });
    await answer.promise;
  }

  /** In order with what is asked; nobody waits for it. */
  #tell(call: SinkCall): void {
    this.#inTurn(() => this.#ask(call)).catch(() => {});
  }
}

/** Nonsense has no subject; the control plane says what is wrong with it. */
function bySubject(items: readonly Observed[]): ReadonlyMap<string, Observed> {
  try {
    return new Map(items.map((observed) => [subjectOf(observed), observed]));
  } catch {
    return new Map();
  }
}
