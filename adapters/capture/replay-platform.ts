// A platform out of a capture: answers what was recorded, in the order in which it was, as soon as it is asked; beyond the end it is silent.
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError, type MeshErrorCode } from '../../lib/mesh-error.ts';
import type { OpenPlatform, PlatformAddress, PlatformAnswer, PlatformReader, RequestBounds } from '../platform-http.ts';
import type { CapturedFailure, CapturedStep } from './capture-file.ts';

/** What came so close together that the adapter may have seen it as one change comes together again, in milliseconds. */
const togetherMs = 25;

/** Bounds of a replay, in milliseconds. */
export interface ReplayTiming {
  /** A step that nobody asks for within this time is passed over, and counted. Long enough for a busy machine. */
  readonly patienceMs: number;
}

interface Ask {
  readonly resolve: (step: CapturedStep) => void;
}

/** Mutable; plays one capture once. */
export class ReplayPlatform {
  readonly #steps: readonly CapturedStep[];
  readonly #patienceMs: number;
  /** Who waits, by what they wait for. */
  readonly #asked = new Map<string, Ask[]>();
  /** What was passed over and may still be asked for. */
  readonly #late = new Map<string, CapturedStep[]>();
  #wake: () => void = () => {};
  #passedOver = 0;

  constructor(steps: readonly CapturedStep[], { patienceMs }: ReplayTiming = { patienceMs: 5_000 }) {
    this.#steps = steps;
    this.#patienceMs = patienceMs;
  }

  /** Steps that were not asked for in their turn: above 0 the adapter asks otherwise than when this was recorded. */
  get passedOver(): number {
    return this.#passedOver;
  }

  /** For the adapter. */
  readonly open: OpenPlatform = (address) => new ReplayReader(address, (key, signal) => this.#ask(key, signal));

  /** Plays to the end; `settled` resolves when what was played has had its effect. */
  async play(settled: () => Promise<void>, signal: AbortSignal): Promise<void> {
    let beforeMs = 0;
    for (const step of this.#steps) {
      if (step.atMs - beforeMs >= togetherMs) await settled();
      beforeMs = step.atMs;
      const key = keyOf(step);
      for (const deadline = performance.now() + this.#patienceMs; !this.#asked.get(key)?.length; ) {
        signal.throwIfAborted();
        if (performance.now() > deadline) break;
        await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(50)]);
      }
      const ask = this.#asked.get(key)?.shift();
      if (ask) ask.resolve(step);
      else {
        this.#passedOver++;
        this.#late.set(key, [...(this.#late.get(key) ?? []), step]);
      }
    }
    await settled();
  }

  #ask(key: string, signal: AbortSignal): Promise<CapturedStep> {
    const late = this.#late.get(key)?.shift();
    if (late) return Promise.resolve(late);
    return new Promise((resolve, reject) => {
      const ask = { resolve };
      this.#asked.set(key, [...(this.#asked.get(key) ?? []), ask]);
      signal.addEventListener('abort', () => {
        this.#asked.set(
          key,
          (this.#asked.get(key) ?? []).filter((other) => other !== ask),
        );
        reject(signal.reason);
      });
      this.#wake();
    });
  }
}

function keyOf(step: CapturedStep): string {
  if ('get' in step) return `get ${step.get}`;
  if ('lines' in step) return `lines ${step.lines}`;
  return `stream ${step.stream}`;
}

class ReplayReader implements PlatformReader {
  readonly where: string;
  readonly #ask: (key: string, signal: AbortSignal) => Promise<CapturedStep>;

  constructor(address: PlatformAddress, ask: (key: string, signal: AbortSignal) => Promise<CapturedStep>) {
    this.where = `${address.name} in a capture`;
    this.#ask = ask;
  }

  async get(path: string, { signal }: RequestBounds): Promise<PlatformAnswer> {
    return answerOf(await this.#ask(`get ${path}`, signal));
  }

  async lines(path: string, { signal }: RequestBounds): Promise<PlatformAnswer | AsyncIterable<string>> {
    const step = await this.#ask(`lines ${path}`, signal);
    return 'stream' in step ? this.#follow(step.stream, signal) : answerOf(step);
  }

  async *#follow(stream: number, signal: AbortSignal): AsyncGenerator<string> {
    for (;;) {
      const step = await this.#ask(`stream ${stream}`, signal);
      if ('failed' in step) throw thrown(step.failed);
      if ('ended' in step) return;
      if ('line' in step) yield step.line;
    }
  }
}

function answerOf(step: CapturedStep): PlatformAnswer {
  if ('failed' in step) throw thrown(step.failed);
  if (!('answer' in step)) throw new MeshError('invalid', 'the capture has no answer here');
  return step.answer;
}

function thrown({ code, message }: CapturedFailure): MeshError {
  return new MeshError(code as MeshErrorCode, message);
}
