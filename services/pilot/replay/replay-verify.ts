// Folds the facts from nothing, translates for every proxy that was ever sent something, and compares with what it was sent.
import type { DeliveryFact, ManifestRecorded, Pushed } from '../../../events/delivery-facts.ts';
import type { EventLog } from '../../../events/event-log.ts';
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { createMemo } from '../translate/memo.ts';
import { contextKey } from '../translate/node.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { Environment } from '../translate/telemetry/environment-headers.ts';
import { translate } from '../translate/translate.ts';
import type { Translation, TypeUrl } from '../translate/translation.ts';
import type { Translate } from '../xds/resource-cache.ts';
import { snapshotsAt } from './snapshots-at.ts';

/** A resource that replay gives another content than the proxy was sent. */
export interface Mismatch {
  /** One of the proxies that were sent it. */
  readonly proxyId: string;
  readonly streamId: string;
  readonly typeUrl: string;
  /** Facts position. */
  readonly position: number;
  readonly resource: string;
  /** Content hash that was sent; undefined: the proxy was told that there is no such resource. */
  readonly sent: string | undefined;
  /** Content hash that replay gives; undefined: replay has no such resource. */
  readonly replayed: string | undefined;
}

/** What was checked and found. */
export interface ReplayResult {
  /** No mismatch, and nothing that could not be checked. */
  readonly ok: boolean;
  /** Push events in the log. */
  readonly pushes: number;
  /** Distinct (context, position, type, manifest) among them: each was checked once. */
  readonly checked: number;
  readonly resources: number;
  readonly mismatches: readonly Mismatch[];
  /** Pushes that can't be checked: their proxy's connection or manifest is not in the log, or their position is not. */
  readonly unchecked: readonly { readonly proxyId: string; readonly position: number; readonly why: string }[];
}

/** Progress, for people: each stage counts to its own end. */
export interface ReplayProgress {
  readonly stage: 'reading deliveries' | 'folding facts' | 'translating';
  readonly position: number;
}

/** Inputs of `replayVerify`. */
export interface ReplayOptions {
  readonly facts: EventLog;
  readonly deliveries: EventLog;
  readonly mesh?: MeshConfig;
  /** What `envName` of a provider's header named when it was served; by default nothing. */
  readonly environment?: Environment;
  /** A fresh translator; production's own by default. */
  readonly newTranslator?: () => Translate;
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Mismatches are counted beyond this and not listed: a wrong build differs in everything. */
  readonly maxListed?: number;
}

/** One thing to check. */
interface Claim {
  readonly context: ProxyContext;
  readonly push: Pushed['data'];
  readonly manifest: ManifestRecorded['data'];
}

const progressEvery = 10_000;

/** See the file's first line. Rejects as reading a log does (`corrupt` names the position). */
export async function replayVerify(options: ReplayOptions): Promise<ReplayResult> {
  const read = await readClaims(options);
  const checker = new Checker(
    options.newTranslator ?? (() => newTranslator(options.environment)),
    options.maxListed ?? 1000,
  );
  const positions = [...read.claims.keys()];
  const reached = new Set<number>();
  const onProgress = (position: number) => options.onProgress?.({ stage: 'folding facts', position });
  const source = { facts: options.facts, onProgress, ...(options.mesh && { mesh: options.mesh }) };
  for await (const snapshot of snapshotsAt(source, positions)) {
    reached.add(snapshot.position);
    const claims = read.claims.get(snapshot.position) ?? [];
    checker.check(claims, snapshot);
    options.onProgress?.({ stage: 'translating', position: snapshot.position });
  }
  const missing = positions.filter((position) => !reached.has(position));
  const lost = missing.flatMap((position) =>
    (read.claims.get(position) ?? []).map(({ push }) => unchecked(push, 'its position is not in the facts log')),
  );
  const unverified = [...read.unchecked, ...lost];
  return {
    ok: checker.mismatchCount === 0 && unverified.length === 0,
    pushes: read.pushes,
    checked: checker.checked,
    resources: checker.resources,
    mismatches: checker.mismatches,
    unchecked: unverified,
  };
}

function newTranslator(environment?: Environment): Translate {
  const memo = createMemo();
  return (snapshot, context) => translate(snapshot, context, memo, environment);
}

function unchecked({ proxyId, position }: Pushed['data'], why: string) {
  return { proxyId, position, why };
}

/** Claims by facts position, each distinct one once. */
async function readClaims({ deliveries, onProgress }: ReplayOptions) {
  const claims = new Map<number, Claim[]>();
  const contexts = new Map<string, { readonly key: string; readonly context: ProxyContext }>();
  const manifests = new Map<string, ManifestRecorded['data']>();
  const seen = new Set<string>();
  const orphans: ReturnType<typeof unchecked>[] = [];
  let pushes = 0;
  for await (const event of deliveries.read()) {
    if (event.position % progressEvery === 0) onProgress?.({ stage: 'reading deliveries', position: event.position });
    const fact = event as unknown as DeliveryFact;
    if (fact.type === 'io.periplus.delivery.proxy-connected') {
      const context = fact.data.context as ProxyContext;
      contexts.set(fact.data.streamId, { key: contextKey(context), context });
    } else if (fact.type === 'io.periplus.delivery.proxy-disconnected') contexts.delete(fact.data.streamId);
    else if (fact.type === 'io.periplus.delivery.manifest-recorded') manifests.set(fact.data.manifest, fact.data);
    else if (fact.type === 'io.periplus.delivery.pushed') {
      pushes++;
      const push = fact.data;
      const [stream, manifest] = [contexts.get(push.streamId), manifests.get(push.manifest)];
      if (!stream) orphans.push(unchecked(push, 'its stream was not recorded'));
      else if (!manifest) orphans.push(unchecked(push, 'its manifest was not recorded'));
      else if (isNew(seen, `${stream.key} ${push.position} ${push.manifest} ${push.kept?.length ?? 0}`)) {
        const list = claims.get(push.position) ?? [];
        list.push({ context: stream.context, push, manifest });
        claims.set(push.position, list);
      }
    }
  }
  return { claims, pushes, unchecked: orphans };
}

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

/** Compares claims with translations and counts. */
class Checker {
  checked = 0;
  resources = 0;
  mismatchCount = 0;
  readonly mismatches: Mismatch[] = [];
  readonly #translate: Translate;
  readonly #maxListed: number;
  /** Equal contexts as one object: translation remembers by identity. */
  readonly #contexts = new Map<string, ProxyContext>();

  constructor(newTranslator: () => Translate, maxListed: number) {
    this.#translate = newTranslator();
    this.#maxListed = maxListed;
  }

  check(claims: readonly Claim[], snapshot: Snapshot): void {
    const translations = new Map<ProxyContext, Translation>();
    for (const claim of claims) {
      const context = this.#canonical(claim.context);
      let translation = translations.get(context);
      if (translation === undefined) translations.set(context, (translation = this.#translate(snapshot, context)));
      this.#compare(claim, translation);
    }
  }

  #canonical(context: ProxyContext): ProxyContext {
    const key = contextKey(context);
    const known = this.#contexts.get(key);
    if (known === undefined) this.#contexts.set(key, context);
    return known ?? context;
  }

  #compare({ push, manifest }: Claim, translation: Translation): void {
    this.checked++;
    const set = translation.resources(push.typeUrl as TypeUrl);
    const kept = new Set(push.kept);
    const sent = new Map<string, string | undefined>(manifest.resources);
    for (const name of manifest.removed) sent.set(name, undefined);
    for (const [name, version] of sent) {
      this.resources++;
      // What was kept for make-before-break is of an earlier position, where it was checked; now it must be gone.
      const expected = kept.has(name) ? undefined : version;
      this.#expect(push, name, { sent: expected, replayed: set.get(name)?.version });
    }
  }

  #expect(push: Pushed['data'], resource: string, { sent, replayed }: Pick<Mismatch, 'sent' | 'replayed'>): void {
    if (sent === replayed) return;
    this.mismatchCount++;
    if (this.mismatches.length >= this.#maxListed) return;
    const { proxyId, streamId, typeUrl, position } = push;
    this.mismatches.push({ proxyId, streamId, typeUrl, position, resource, sent, replayed });
  }
}
