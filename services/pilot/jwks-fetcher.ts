// Keeps the key sets that RequestAuthentications name up to date in the facts log: proxies never fetch them, and replays have the same.

import { eventId } from '../../events/event-id.ts';
import type { EventLog } from '../../events/event-log.ts';
import { type FetchedKeySet, jwksSubject } from '../../events/policy-facts.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import type { KeySet } from '../../mesh/key-sets.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import type { JwksResult } from './jwks-fetch.ts';
import { keySetSources } from './translate/security/key-set-source.ts';

/** What a fetcher is made of. */
export interface JwksFetcherOptions {
  readonly facts: EventLog;
  readonly snapshots: Latest<Snapshot>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of the Pilot, for the events' source. */
  readonly pilot: string;
  readonly fetch: (uri: string, signal: AbortSignal) => Promise<JwksResult>;
  /** How long keys are taken to be current, in ms. Default 20 min, Istio's: issuers publish new keys well before they use them. */
  readonly refreshMs?: number;
  /** First and longest wait after a failure, in ms, doubling in between. */
  readonly retryMs?: { readonly first: number; readonly last: number };
}

const defaultRefreshMs = 20 * 60_000;
const defaultRetryMs = { first: 2_000, last: 5 * 60_000 } as const;
/** Key sets in flight at a time: a policy with a thousand URIs must not become a thousand connections. */
const maxConcurrent = 8;

/** See the file's first line. */
export class JwksFetcher implements Service {
  readonly name = 'jwks-fetcher';
  readonly #options: JwksFetcherOptions;
  /** Loops by URI; each ends when no policy names its URI any more. */
  readonly #loops = new Map<string, AbortController>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: JwksFetcherOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const ended = new Set<Promise<void>>();
    for await (const snapshot of this.#options.snapshots.watch(signal)) {
      const wanted = new Set(keySetSources(snapshot));
      for (const [uri, stop] of this.#loops) {
        if (wanted.has(uri)) continue;
        stop.abort();
        this.#loops.delete(uri);
      }
      for (const uri of wanted) {
        if (this.#loops.has(uri)) continue;
        const stop = new AbortController();
        this.#loops.set(uri, stop);
        const loop = this.#follow(uri, AbortSignal.any([signal, stop.signal])).finally(() => ended.delete(loop));
        ended.add(loop);
      }
    }
    for (const stop of this.#loops.values()) stop.abort();
    await Promise.all(ended);
  }

  async #follow(uri: string, signal: AbortSignal): Promise<void> {
    const { clock, refreshMs = defaultRefreshMs, retryMs = defaultRetryMs, logger } = this.#options;
    let waitMs = retryMs.first;
    while (!signal.aborted) {
      let good = false;
      try {
        const result = await this.#oneOfFew(() => this.#options.fetch(uri, signal));
        if (signal.aborted) return;
        good = 'jwks' in result;
        await this.#record({ uri, ...result });
      } catch (error) {
        good = false;
        logger.warn({ uri, error: messageOf(error) }, 'a key set could not be recorded; trying again');
      }
      await clock.sleep(good ? refreshMs : waitMs, signal).catch(() => {});
      waitMs = good ? retryMs.first : Math.min(waitMs * 2, retryMs.last);
    }
  }

  async #oneOfFew<T>(work: () => Promise<T>): Promise<T> {
    while (this.#running >= maxConcurrent) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  /** Only what is news; several Pilots that find the same after the same make the same event. */
  async #record(found: FetchedKeySet): Promise<void> {
    const { facts, clock, pilot, snapshots, logger } = this.#options;
    const before = snapshots.value?.keySets.get(found.uri);
    if (!isNews(before, found)) return;
    const type = 'io.periplus.policy.jwks-fetched';
    const subject = jwksSubject(found.uri);
    const source = '/pilot/jwks';
    const revision = before?.position ?? 0;
    if (found.problem !== undefined)
      logger.warn({ uri: found.uri, problem: found.problem }, 'a key set could not be fetched');
    await facts.append([
      {
        event: {
          id: eventId({ source, subject, revision, content: { type, data: found } }),
          source,
          type,
          subject,
          time: new Date(clock.nowMs()).toISOString(),
          actor: `pilot:${pilot}`,
          causes: [],
          data: found,
        },
      },
    ]);
  }
}

function isNews(before: KeySet | undefined, { jwks, problem }: FetchedKeySet): boolean {
  if (before === undefined) return true;
  return problem === undefined ? before.jwks !== jwks || before.problem !== undefined : before.problem !== problem;
}
