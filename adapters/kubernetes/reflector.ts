// Keeps up with one resource type: list, then watch, resume after breaks, list again when the past is gone (list-and-watch).
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import { ApiError } from './api-error.ts';
import type { ApiObject, KubernetesClient, WatchEvent } from './client.ts';
import type { ClusterIdentity } from './cluster-identity.ts';

/** What the reflector says. Calls are synchronous: nothing queues up between the connection and who listens. */
export interface ReflectorListener<T> {
  /** Reduces an object to what is needed, before anything is kept. */
  readonly read: (object: ApiObject) => T;
  /** Everything that exists now. */
  readonly onList: (items: readonly T[]) => void;
  readonly onChange: (change: 'set' | 'gone', item: T) => void;
  /** A list has begun (true) or has ended, well or not (false). */
  readonly onListing?: (listing: boolean) => void;
  /** Why it can't keep up now; undefined: it does again. */
  readonly onTrouble: (trouble: unknown) => void;
}

/** Times, in milliseconds. */
export interface ReflectorTiming {
  /** Delays between tries, doubling: quick for a blip, no hammering of a dead server. */
  readonly backoffMs: { readonly min: number; readonly max: number };
  /** The server ends each watch after this long, so that connections spread over its replicas. */
  readonly watchMs: number;
  /** Bookmarks come about once a minute: a watch without anything for this long is taken for dead. */
  readonly silenceMs: number;
}

/** See ReflectorTiming. */
export const defaultReflectorTiming: ReflectorTiming = {
  backoffMs: { min: 100, max: 30_000 },
  watchMs: 300_000,
  silenceMs: 150_000,
};

/** What a reflector needs. */
export interface ReflectorOptions<T> extends ReflectorListener<T> {
  readonly client: KubernetesClient;
  readonly identity: ClusterIdentity;
  /** Of the collection, such as `/api/v1/services`. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly clock: Clock;
  readonly timing?: ReflectorTiming;
  /** From 0 up to 1; spreads what many clients do. */
  readonly random?: () => number;
}

/** Objects asked for at once: what client-go asks for. */
const pageSize = 500;

/** Where a watch continues, and in which cluster. */
interface Place {
  readonly resourceVersion: string;
  readonly epoch: number;
}

/** Follows the resource type until `signal` aborts; never rejects for another reason. */
export async function reflect<T>(options: ReflectorOptions<T>, signal: AbortSignal): Promise<void> {
  await new Reflector(options, signal).run().catch((error) => {
    if (!signal.aborted) throw error;
  });
}

class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #signal: AbortSignal;
  readonly #timing: ReflectorTiming;
  readonly #random: () => number;
  #delayMs: number;
  /** Undefined: list first. */
  #place: Place | undefined;
  /** The last watch did not end in order: who answers now may have another past. */
  #isDoubtful = false;
  #isTroubled = true;

  constructor(options: ReflectorOptions<T>, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#timing = options.timing ?? defaultReflectorTiming;
    this.#random = options.random ?? Math.random;
    this.#delayMs = this.#timing.backoffMs.min;
  }

  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        if (this.#place === undefined) this.#place = await this.#list();
        else if (this.#isDoubtful && (await this.#hasOtherPast(this.#place))) {
          this.#place = undefined;
          continue;
        }
        this.#isDoubtful = false;
        if (await this.#watch(this.#place)) continue;
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#isDoubtful = true;
        if (error instanceof ApiError && error.status === 410) this.#place = undefined;
        // A broken connection alone is no trouble: most of the time the next try continues where this one ended.
        if (!(error instanceof WatchBroken)) this.#trouble(error);
        await this.#pause(error instanceof ApiError ? error.retryAfterMs : 0);
        continue;
      }
      await this.#pause();
    }
  }

  async #list(): Promise<Place> {
    const { onListing, onList } = this.#options;
    onListing?.(true);
    try {
      const epoch = await this.#options.identity.epoch(this.#signal);
      const { items, resourceVersion } = await this.#readPages();
      onList(items);
      this.#well();
      return { resourceVersion, epoch };
    } finally {
      onListing?.(false);
    }
  }

  /** A page's token expires with etcd's compaction (410): the second time everything is asked for at once. */
  async #readPages(): Promise<{ items: readonly T[]; resourceVersion: string }> {
    for (let limit: number | undefined = pageSize, tries = 0; ; tries++) {
      try {
        return await this.#readAll(limit);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 410 || tries >= 2) throw error;
        if (tries >= 1) limit = undefined;
      }
    }
  }

  async #readAll(limit: number | undefined): Promise<{ items: readonly T[]; resourceVersion: string }> {
    const items: T[] = [];
    let next: string | undefined;
    do {
      const query = { ...(limit !== undefined && { limit: String(limit) }), ...(next && { continue: next }) };
      const answer = await this.#options.client.get(this.#url(query), { signal: this.#signal });
      const page = answer?.body as (ApiObject & { readonly items?: readonly ApiObject[] | null }) | undefined;
      if (page?.metadata?.resourceVersion === undefined)
        throw new ApiError(0, `${this.#options.path} answered no list of objects`);
      for (const object of page.items ?? []) items.push(this.#options.read(object));
      next = page.metadata.continue;
      if (!next) return { items, resourceVersion: page.metadata.resourceVersion };
    } while (!this.#signal.aborted);
    throw this.#signal.reason;
  }

  /** Whether the server's newest state is older than ours, or another cluster's. Resource versions compare as numbers since 1.35. */
  async #hasOtherPast({ resourceVersion, epoch }: Place): Promise<boolean> {
    if ((await this.#options.identity.epoch(this.#signal)) !== epoch) return true;
    const answer = await this.#options.client.get(this.#url({ limit: '1' }), { signal: this.#signal });
    const newest = (answer?.body as ApiObject | undefined)?.metadata?.resourceVersion ?? '';
    if (!/^\d+$/.test(newest) || !/^\d+$/.test(resourceVersion)) return false;
    return BigInt(newest) < BigInt(resourceVersion);
  }

  /** True when the server ended it in order, after some time: the next may follow at once. */
  async #watch(place: Place): Promise<boolean> {
    const seconds = Math.ceil((this.#timing.watchMs / 1_000) * (1 + this.#random()));
    const url = this.#url({
      watch: '1',
      resourceVersion: place.resourceVersion,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
    });
    const startedMs = this.#options.clock.nowMs();
    let isOpen = false;
    const onOpen = () => {
      isOpen = true;
      this.#well();
    };
    try {
      const { silenceMs } = this.#timing;
      for await (const event of this.#options.client.watch(url, { signal: this.#signal, silenceMs, onOpen })) {
        this.#absorb(event, place.epoch);
        this.#delayMs = this.#timing.backoffMs.min;
      }
    } catch (error) {
      if (isOpen && error instanceof ApiError && error.status === 0) throw new WatchBroken(error);
      throw error;
    }
    // Behind some load balancers a server that dies ends its streams in order: cheap to look again.
    this.#isDoubtful = true;
    const lasted = this.#options.clock.nowMs() - startedMs > 1_000;
    if (lasted) this.#delayMs = this.#timing.backoffMs.min;
    return lasted;
  }

  #absorb({ type, object }: WatchEvent, epoch: number): void {
    if (type === 'ERROR') {
      const { code, message } = object as { readonly code?: number; readonly message?: string };
      throw new ApiError(code ?? 500, `the watch of ${this.#options.path} ended: ${message ?? 'no reason given'}`);
    }
    const { resourceVersion } = object.metadata;
    if (type !== 'BOOKMARK') this.#options.onChange(type === 'DELETED' ? 'gone' : 'set', this.#options.read(object));
    if (resourceVersion) this.#place = { resourceVersion, epoch };
  }

  #url(query: Readonly<Record<string, string>>): string {
    const { path, fieldSelector } = this.#options;
    const search = new URLSearchParams({ ...query, ...(fieldSelector !== undefined && { fieldSelector }) });
    return `${path}?${search.toString()}`;
  }

  #well(): void {
    if (this.#isTroubled) this.#options.onTrouble(undefined);
    this.#isTroubled = false;
  }

  #trouble(error: unknown): void {
    this.#isTroubled = true;
    this.#options.onTrouble(error);
  }

  /** At least `leastMs`: what a busy server asked for, and somewhat more, so that its clients don't all come back at once. */
  async #pause(leastMs = 0): Promise<void> {
    const { max } = this.#timing.backoffMs;
    const delayMs = leastMs + this.#delayMs * (0.5 + this.#random() / 2);
    this.#delayMs = Math.min(this.#delayMs * 2, max);
    await this.#options.clock.sleep(delayMs, this.#signal);
  }
}

/** A watch that had been well broke. */
class WatchBroken extends Error {
  constructor(cause: ApiError) {
    super(messageOf(cause), { cause });
  }
}
