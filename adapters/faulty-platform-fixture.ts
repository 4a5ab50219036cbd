// A platform that goes wrong on command, for the contract suite: between an adapter and the platform's real answers.
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError } from '../lib/mesh-error.ts';
import type { Adapter } from './adapter.ts';
import type { AdapterFixture, PlatformFault } from './adapter-contract.ts';
import {
  type OpenPlatform,
  openPlatform,
  type PlatformAddress,
  type PlatformAnswer,
  type PlatformReader,
  type RequestBounds,
} from './platform-http.ts';

/** What a platform's lists look like. */
export interface PlatformLists {
  /** Whether an answer to this path lists everything there is. */
  readonly isList: (path: string) => boolean;
  /** The list with at most `keep` of its things. */
  readonly cut: (body: unknown, keep: number) => unknown;
  /** The list as a platform that counts from the beginning gives it, where it counts in the body. */
  readonly countAnew?: (body: unknown) => unknown;
  /** A stream goes on where it ended, and nothing is listed again, unless the platform says that it no longer knows: this answer. */
  readonly forgotten?: PlatformAnswer;
}

const allFaults: readonly PlatformFault[] = [
  ...(['lists nothing', 'lists a part', 'answers slowly', 'hangs', 'refuses the token', 'is too busy'] as const),
  ...(['answers nonsense', 'counts from the beginning', 'cuts its streams'] as const),
];

/** Mutable; all that is opened through it goes wrong alike. */
export class FaultyPlatform {
  readonly lists: PlatformLists;
  fault: PlatformFault | undefined;
  #disturb = new AbortController();
  /** Streams that were told since the last disturbance that their past is forgotten. */
  #told = new Set<string>();
  #isFirst = true;

  constructor(lists: PlatformLists) {
    this.lists = lists;
  }

  /** For the adapter. */
  readonly open: OpenPlatform = (address) => new FaultyReader(address, this);

  /** For the contract suite. */
  faultsOf(open: (means: { readonly open: OpenPlatform }) => Adapter): NonNullable<AdapterFixture['faults']> {
    return {
      kinds: allFaults,
      open: () => open({ open: this.open }),
      set: async (fault) => this.set(fault),
    };
  }

  /** Ends what is under way, and is wrong, or well again, from now on. */
  set(fault: PlatformFault | undefined): void {
    this.fault = fault;
    this.#told = new Set();
    this.#isFirst = false;
    const before = this.#disturb;
    this.#disturb = new AbortController();
    before.abort(new MeshError('unavailable', 'the connection was cut'));
  }

  /** The answer to a stream that asks for the first time since something went wrong, or is well again. */
  forgotten(path: string): PlatformAnswer | undefined {
    const collection = path.split('?')[0] ?? '';
    if (this.lists.forgotten === undefined || this.#isFirst || this.#told.has(collection)) return undefined;
    this.#told.add(collection);
    return this.lists.forgotten;
  }

  get disturbed(): AbortSignal {
    return this.#disturb.signal;
  }
}

class FaultyReader implements PlatformReader {
  readonly #inner: PlatformReader;
  readonly #platform: FaultyPlatform;

  constructor(address: PlatformAddress, platform: FaultyPlatform) {
    this.#inner = openPlatform(address);
    this.#platform = platform;
  }

  get where(): string {
    return this.#inner.where;
  }

  get(path: string, bounds: RequestBounds): Promise<PlatformAnswer> {
    return this.#disturbed(bounds.signal, async (signal) => {
      const refusal = await this.#before(signal);
      return refusal ?? this.#twisted(path, await this.#inner.get(path, { ...bounds, signal }));
    });
  }

  lines(path: string, bounds: RequestBounds & { readonly silenceMs?: number }) {
    return this.#disturbed(bounds.signal, async (signal) => {
      const refusal = await this.#before(signal);
      return refusal ?? this.#platform.forgotten(path) ?? (await this.#inner.lines(path, { ...bounds, signal }));
    });
  }

  async #disturbed<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { disturbed } = this.#platform;
    try {
      return await work(AbortSignal.any([signal, disturbed]));
    } catch (error) {
      signal.throwIfAborted();
      throw disturbed.aborted ? disturbed.reason : error;
    }
  }

  async #before(signal: AbortSignal): Promise<PlatformAnswer | undefined> {
    switch (this.#platform.fault) {
      case 'refuses the token':
        return { status: 403, headers: {}, text: 'Permission denied' };
      case 'is too busy':
        return { status: 429, headers: {}, text: 'Too Many Requests' };
      case 'hangs':
        // As PlatformHttp would say it, sooner.
        await sleep(50, undefined, { signal });
        throw new MeshError('unavailable', `${this.where}: no answer within 50 ms`);
      case 'answers slowly':
        await sleep(200, undefined, { signal });
        return undefined;
      default:
        return undefined;
    }
  }

  #twisted(path: string, answer: PlatformAnswer): PlatformAnswer {
    const { fault, lists } = this.#platform;
    if (fault === 'counts from the beginning') {
      const headers = { ...answer.headers };
      for (const name of ['x-consul-index', 'x-nomad-index']) if (headers[name] !== undefined) headers[name] = '1';
      const { countAnew, isList } = lists;
      const isCounted = countAnew !== undefined && answer.status === 200 && isList(path);
      return { ...answer, headers, ...(isCounted && { text: JSON.stringify(countAnew(JSON.parse(answer.text))) }) };
    }
    if (fault === 'answers nonsense') return { ...answer, text: '<html>a proxy says hello</html>' };
    const keep = fault === 'lists nothing' ? 0 : fault === 'lists a part' ? 2 : undefined;
    if (keep === undefined || answer.status !== 200 || !lists.isList(path)) return answer;
    return { ...answer, text: JSON.stringify(lists.cut(JSON.parse(answer.text), keep)) };
  }
}
