// Holds the key material that gateways need: follows the credentials that connected proxies may use, and no others, in memory alone.
import { canonicalJson } from '../../../events/canonical-json.ts';
import {
  type CredentialObserved,
  credentialSubject,
  type ObservedCredential,
} from '../../../events/credential-facts.ts';
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import type { Clock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import type { CredentialSource, FoundCredential } from '../../../mesh/credential-material.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { emptySet } from '../translate/resource-set.ts';
import { type ResourceSet, type Translation, typeUrls } from '../translate/translation.ts';
import type { StreamIdentity } from '../xds/stream-observer.ts';
import { type Holdings, revealSecrets } from './reveal-secrets.ts';

/** What a store is made of. */
export interface CredentialStoreOptions {
  /** Where to look, best first. */
  readonly sources: readonly CredentialSource[];
  readonly facts: EventLog;
  readonly snapshots: Latest<Snapshot>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of the Pilot, for the events' actor. */
  readonly pilot: string;
  /** Whether a stream's peer may be sent keys at all. */
  readonly mayHold: (stream: StreamIdentity) => boolean;
  /** Something that is held has changed: streams may be due a secret. */
  readonly onChange: () => void;
}

/** How long to wait before telling the log again what it did not take, in ms. */
const retryMs = 1_000;
/** Credentials followed at a time: each is a watch of its own on an API server. Gateways have tens; a proxy that names thousands gets the first. */
const maxFollowed = 1_000;

interface Followed {
  readonly stop: AbortController;
  /** What each source said last; absent: nothing yet. */
  readonly said: Map<CredentialSource, FoundCredential | undefined>;
  readonly newest: Latest<ObservedCredential>;
}

/** See the file's first line. */
export class CredentialStore implements Service {
  readonly name = 'credentials';
  readonly #options: CredentialStoreOptions;
  readonly #followed = new Map<string, Followed>();
  /** Credentials by the stream that may use them. */
  readonly #wanted = new Map<string, readonly string[]>();
  /** Replaced, never changed. */
  #holdings: Holdings = new Map();
  #revealed = new WeakMap<ResourceSet, ResourceSet>();
  readonly #running = new Set<Promise<void>>();
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: CredentialStoreOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts; keys are forgotten then. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#follow();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const { stop } of this.#followed.values()) stop.abort();
    await Promise.all(this.#running);
    this.#followed.clear();
    this.#hold(new Map());
  }

  /** The secrets of `translation` with their keys, for a stream whose peer may have them; the same set while nothing changes. */
  secretsOf(stream: StreamIdentity, translation: Translation): ResourceSet {
    if (!this.#options.mayHold(stream)) return emptySet;
    if (this.#wanted.get(stream.streamId) !== translation.credentials) {
      this.#wanted.set(stream.streamId, translation.credentials);
      this.#follow();
    }
    const secrets = translation.resources(typeUrls.secret);
    let revealed = this.#revealed.get(secrets);
    if (revealed === undefined) {
      revealed =
        secrets.size === 0 && !secrets.absent ? emptySet : revealSecrets(secrets, stream.context, this.#holdings);
      this.#revealed.set(secrets, revealed);
    }
    return revealed;
  }

  /** A stream is gone, and what only it could use is forgotten. */
  disconnected({ streamId }: StreamIdentity): void {
    if (this.#wanted.delete(streamId)) this.#follow();
  }

  #follow(): void {
    if (this.#signal.aborted) return;
    const wanted = new Set([...this.#wanted.values()].flat());
    for (const [key, { stop }] of this.#followed) {
      if (wanted.has(key)) continue;
      stop.abort();
      this.#followed.delete(key);
      this.#forget(key);
    }
    for (const key of wanted) {
      if (this.#followed.has(key) || this.#followed.size >= maxFollowed) continue;
      const followed: Followed = { stop: new AbortController(), said: new Map(), newest: new Latest() };
      this.#followed.set(key, followed);
      const signal = AbortSignal.any([this.#signal, followed.stop.signal]);
      const following = this.#followOne(key, followed, signal).finally(() => this.#running.delete(following));
      this.#running.add(following);
    }
  }

  async #followOne(key: string, followed: Followed, signal: AbortSignal): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    const { sources } = this.#options;
    await Promise.all([
      this.#record({ namespace, name }, followed.newest, signal),
      ...sources.map((source) =>
        source.follow({ namespace, name }, (found) => this.#heard({ key, followed, source, found }), signal),
      ),
    ]);
  }

  #heard({
    key,
    followed,
    source,
    found,
  }: {
    readonly key: string;
    readonly followed: Followed;
    readonly source: CredentialSource;
    readonly found: FoundCredential | undefined;
  }): void {
    if (this.#followed.get(key) !== followed) return;
    followed.said.set(source, found);
    const { sources } = this.#options;
    const best = sources.map((one) => followed.said.get(one)).find((one) => one !== undefined);
    if (best) {
      const [before] = this.#holdings.get(key) ?? [];
      // One that can't be used at all must not push out the one in force.
      if (best !== before && best.observed.digest !== undefined)
        this.#hold(new Map([...this.#holdings, [key, before ? [best, before] : [best]]]));
      followed.newest.set(best.observed);
    } else if (followed.said.size === sources.length) {
      this.#forget(key);
      const [namespace = '', name = ''] = key.split('/');
      followed.newest.set({ namespace, name, problem: `not found: ${sources.map((one) => one.name).join(', ')}` });
    }
  }

  #forget(key: string): void {
    if (!this.#holdings.has(key)) return;
    this.#hold(new Map([...this.#holdings].filter(([held]) => held !== key)));
  }

  #hold(holdings: Holdings): void {
    this.#holdings = holdings;
    this.#revealed = new WeakMap();
    if (!this.#signal.aborted) this.#options.onChange();
  }

  /** Tells the log, one word after the other: each is compared with what the log said before it. */
  async #record(
    key: Pick<ObservedCredential, 'namespace' | 'name'>,
    newest: Latest<ObservedCredential>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, logger } = this.#options;
    for await (const _ of newest.watch(signal)) {
      while (!signal.aborted) {
        try {
          await this.#recordOne(newest.value ?? key, signal);
          break;
        } catch (error) {
          if (signal.aborted) return;
          logger.warn({ ...key, error: messageOf(error) }, 'a credential could not be recorded; trying again');
          await clock.sleep(retryMs, signal).catch(() => {});
        }
      }
    }
  }

  async #recordOne(data: ObservedCredential, signal: AbortSignal): Promise<void> {
    const { facts, snapshots, clock, pilot, logger } = this.#options;
    const known = snapshots.value?.credentials.get(`${data.namespace}/${data.name}`);
    if (!isNews(known, data)) return;
    if (data.problem !== undefined)
      logger.warn(
        { namespace: data.namespace, name: data.name, problem: data.problem },
        'a credential can not be used',
      );
    const type: CredentialObserved['type'] = 'io.periplus.policy.credential-observed';
    const [subject, source] = [credentialSubject(data), '/pilot/credentials'];
    // Several Pilots that find the same after the same make the same event.
    const id = eventId({ source, subject, revision: known?.position ?? 0, content: { type, data } });
    const time = new Date(clock.nowMs()).toISOString();
    const event = { id, source, type, subject, time, actor: `pilot:${pilot}`, causes: [], data };
    const result = await facts.append([{ event }]);
    const position = result.ok ? Math.max(...result.events.map((recorded) => recorded.position)) : 0;
    for await (const snapshot of snapshots.watch(signal)) if (snapshot.position >= position) return;
  }
}

/** That a CA is missing is news only where there was one: it is looked for in two places. */
function isNews(known: ObservedCredential | undefined, found: ObservedCredential): boolean {
  if (known === undefined) return found.problem?.startsWith('not found') !== true || !found.name.endsWith('-cacert');
  const { position: _, ...before } = known as ObservedCredential & { readonly position?: number };
  return canonicalJson(before) !== canonicalJson(found);
}
