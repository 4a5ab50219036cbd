// Reads a platform and records what it answers. The adapter is given what was recorded, scrubbed, so that the facts follow from the file alone.
import type { Clock } from '../../lib/clock.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import {
  type OpenPlatform,
  openPlatform,
  type PlatformAddress,
  type PlatformAnswer,
  type PlatformReader,
  type RequestBounds,
} from '../platform-http.ts';
import { type CapturedFailure, type CapturedStep, keptHeaders } from './capture-file.ts';
import { scrubText } from './scrub.ts';

/** A step before its time is known. */
type Untimed<T> = T extends unknown ? Omit<T, 'atMs'> : never;

/** Where a recording goes. */
export interface Recording {
  readonly clock: Clock;
  readonly write: (step: CapturedStep) => void;
  /** Ends it: the adapter hears nothing more, so that it has what the file has. */
  readonly until: AbortSignal;
}

/** `OpenPlatform` for the platform itself, whose answers go to `recording`. */
export function recordingPlatform(
  { clock, write, until }: Recording,
  inner: OpenPlatform = openPlatform,
): OpenPlatform {
  const startedMs = clock.nowMs();
  let streams = 0;
  const note = (step: Untimed<CapturedStep>) => write({ atMs: clock.nowMs() - startedMs, ...step } as CapturedStep);
  return (address) => new RecordedPlatform(address, { note, inner, nextStream: () => streams++, until });
}

class RecordedPlatform implements PlatformReader {
  readonly #inner: PlatformReader;
  readonly #note: (step: Untimed<CapturedStep>) => void;
  readonly #nextStream: () => number;
  readonly #until: AbortSignal;
  /** Values of the headers that were sent: tokens. */
  readonly #secrets = new Set<string>();

  constructor(
    address: PlatformAddress,
    means: {
      readonly note: (step: Untimed<CapturedStep>) => void;
      readonly inner: OpenPlatform;
      readonly nextStream: () => number;
      readonly until: AbortSignal;
    },
  ) {
    const { headers } = address;
    const watched = async () => {
      const sent = (await headers?.()) ?? {};
      for (const value of Object.values(sent)) this.#secrets.add(value.replace(/^Bearer /, ''));
      return sent;
    };
    this.#inner = means.inner({ ...address, ...(headers && { headers: watched }) });
    this.#note = means.note;
    this.#nextStream = means.nextStream;
    this.#until = means.until;
  }

  get where(): string {
    return this.#inner.where;
  }

  async get(path: string, bounds: RequestBounds): Promise<PlatformAnswer> {
    const get = this.#scrub(path);
    try {
      const answer = this.#cleaned(await this.#inner.get(path, bounds));
      await this.#silentAfterEnd(bounds.signal);
      this.#note({ get, answer });
      return answer;
    } catch (error) {
      await this.#silentAfterEnd(bounds.signal);
      if (!bounds.signal.aborted) this.#note({ get, failed: this.#failure(error) });
      throw error;
    }
  }

  async lines(
    path: string,
    bounds: RequestBounds & { readonly silenceMs?: number },
  ): Promise<PlatformAnswer | AsyncIterable<string>> {
    const lines = this.#scrub(path);
    try {
      const answer = await this.#inner.lines(path, bounds);
      await this.#silentAfterEnd(bounds.signal);
      if ('status' in answer) {
        const cleaned = this.#cleaned(answer);
        this.#note({ lines, answer: cleaned });
        return cleaned;
      }
      const stream = this.#nextStream();
      this.#note({ lines, stream });
      return this.#follow(answer, stream, bounds.signal);
    } catch (error) {
      await this.#silentAfterEnd(bounds.signal);
      if (!bounds.signal.aborted) this.#note({ lines, failed: this.#failure(error) });
      throw error;
    }
  }

  async *#follow(lines: AsyncIterable<string>, stream: number, signal: AbortSignal): AsyncGenerator<string> {
    try {
      for await (const text of lines) {
        await this.#silentAfterEnd(signal);
        const line = this.#scrub(text);
        this.#note({ stream, line });
        yield line;
      }
      await this.#silentAfterEnd(signal);
      this.#note({ stream, ended: true });
    } catch (error) {
      await this.#silentAfterEnd(signal);
      if (!signal.aborted) this.#note({ stream, failed: this.#failure(error) });
      throw error;
    }
  }

  /** Once the recording has ended: no answer until `signal` aborts, which it rejects with. */
  async #silentAfterEnd(signal: AbortSignal): Promise<void> {
    if (!this.#until.aborted || signal.aborted) return;
    await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }

  #cleaned({ status, headers, text }: PlatformAnswer): PlatformAnswer {
    const kept = keptHeaders.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]] as const]));
    return { status, headers: Object.fromEntries(kept), text: this.#scrub(text) };
  }

  #scrub(text: string): string {
    return scrubText(text, [...this.#secrets]);
  }

  #failure(error: unknown): CapturedFailure {
    return {
      code: error instanceof MeshError ? error.code : 'unavailable',
      message: this.#scrub(messageOf(error)),
    };
  }
}
