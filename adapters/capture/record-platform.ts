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
}

/** `OpenPlatform` for the platform itself, whose answers go to `recording`. */
export function recordingPlatform({ clock, write }: Recording, inner: OpenPlatform = openPlatform): OpenPlatform {
  const startedMs = clock.nowMs();
  let streams = 0;
  const note = (step: Untimed<CapturedStep>) => write({ atMs: clock.nowMs() - startedMs, ...step } as CapturedStep);
  return (address) => new RecordedPlatform(address, { note, inner, nextStream: () => streams++ });
}

class RecordedPlatform implements PlatformReader {
  readonly #inner: PlatformReader;
  readonly #note: (step: Untimed<CapturedStep>) => void;
  readonly #nextStream: () => number;
  /** Values of the headers that were sent: tokens. */
  readonly #secrets = new Set<string>();

  constructor(
    address: PlatformAddress,
    means: {
      readonly note: (step: Untimed<CapturedStep>) => void;
      readonly inner: OpenPlatform;
      readonly nextStream: () => number;
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
  }

  get where(): string {
    return this.#inner.where;
  }

  async get(path: string, bounds: RequestBounds): Promise<PlatformAnswer> {
    const get = this.#scrub(path);
    try {
      const answer = this.#cleaned(await this.#inner.get(path, bounds));
      this.#note({ get, answer });
      return answer;
    } catch (error) {
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
      if ('status' in answer) {
        const cleaned = this.#cleaned(answer);
        this.#note({ lines, answer: cleaned });
        return cleaned;
      }
      const stream = this.#nextStream();
      this.#note({ lines, stream });
      return this.#follow(answer, stream, bounds.signal);
    } catch (error) {
      if (!bounds.signal.aborted) this.#note({ lines, failed: this.#failure(error) });
      throw error;
    }
  }

  async *#follow(lines: AsyncIterable<string>, stream: number, signal: AbortSignal): AsyncGenerator<string> {
    try {
      for await (const text of lines) {
        const line = this.#scrub(text);
        this.#note({ stream, line });
        yield line;
      }
    } catch (error) {
      if (!signal.aborted) this.#note({ stream, failed: this.#failure(error) });
      throw error;
    }
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
