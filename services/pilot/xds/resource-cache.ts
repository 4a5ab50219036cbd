// Groups streams by proxy context: each group's translation is computed once per snapshot, and every stream of it is told.
import type { Clock } from '../../../lib/clock.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { contextKey } from '../translate/node.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { Translation } from '../translate/translation.ts';

/** Translates for a context; throws when an event in the snapshot breaks it. */
export type Translate = (snapshot: Snapshot, context: ProxyContext) => Translation;

/** A stream, as far as the cache is concerned. */
export interface Subscriber {
  update(translation: Translation): void;
}

/** A context whose translation failed; the last good one stays in force for its streams. */
export interface TranslationFailure {
  readonly context: ProxyContext;
  readonly snapshot: Snapshot;
  readonly error: unknown;
}

interface Group {
  readonly context: ProxyContext;
  readonly streams: Set<Subscriber>;
  translation: Translation | undefined;
  /** The snapshot it was last translated from, or failed on. */
  snapshot: Snapshot | undefined;
}

/** How long to work before letting requests and timers in, in ms: short, so that what was written leaves while the rest is translated. */
const sliceMs = 2;

/** See the file's first line. */
export class ResourceCache {
  readonly #translate: Translate;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #onFailure: (failure: TranslationFailure) => void;
  readonly #groups = new Map<string, Group>();
  #snapshot: Snapshot | undefined;
  #working: Promise<void> | undefined;

  constructor(options: {
    readonly translate: Translate;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly onFailure: (failure: TranslationFailure) => void;
  }) {
    this.#translate = options.translate;
    this.#clock = options.clock;
    this.#onFailure = options.onFailure;
  }

  /** Distinct contexts that are connected. */
  get groupCount(): number {
    return this.#groups.size;
  }

  /** Whether groups are being brought to a newer snapshot. */
  get isPublishing(): boolean {
    return this.#working !== undefined;
  }

  /** The translations in force, by context: what `proxy-config` shows. */
  translationOf(context: ProxyContext): Translation | undefined {
    return this.#groups.get(contextKey(context))?.translation;
  }

  /**
   * Adds a stream to its context's group and gives the newest translation; undefined before the first snapshot.
   * Throws when the newest snapshot can't be translated for this context and no earlier one has been.
   */
  join(stream: Subscriber, context: ProxyContext): Translation | undefined {
    const key = contextKey(context);
    const group = this.#groups.get(key) ?? { context, streams: new Set(), translation: undefined, snapshot: undefined };
    if (this.#snapshot && group.snapshot === undefined) this.#retranslate(group, this.#snapshot);
    if (this.#snapshot && group.translation === undefined) throw new Error('translation failed');
    group.streams.add(stream);
    this.#groups.set(key, group);
    return group.translation;
  }

  /** Removes a stream; the last one takes its group with it. */
  leave(stream: Subscriber, context: ProxyContext): void {
    const key = contextKey(context);
    const group = this.#groups.get(key);
    if (group?.streams.delete(stream) && group.streams.size === 0) this.#groups.delete(key);
  }

  /**
   * Brings every group to `snapshot`. While that takes time a newer one may come: groups not reached yet then go to it directly,
   * and the round goes on until all hold the newest, each in its turn, so that none starves. Resolves when that is so.
   */
  publish(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot;
    this.#working ??= this.#bringAll().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #bringAll(): Promise<void> {
    let startedMs = this.#clock.nowMs();
    for (let goal = this.#snapshot; goal; goal = this.#snapshot === goal ? undefined : this.#snapshot) {
      for (const group of [...this.#groups.values()]) {
        if (this.#snapshot && group.snapshot !== this.#snapshot) this.#bring(group, this.#snapshot);
        if (this.#clock.nowMs() - startedMs < sliceMs) continue;
        await new Promise((resolve) => setImmediate(resolve));
        startedMs = this.#clock.nowMs();
      }
    }
  }

  #bring(group: Group, snapshot: Snapshot): void {
    const before = group.translation;
    this.#retranslate(group, snapshot);
    if (group.translation === undefined || group.translation === before) return;
    for (const stream of [...group.streams]) stream.update(group.translation);
  }

  #retranslate(group: Group, snapshot: Snapshot): void {
    group.snapshot = snapshot;
    try {
      group.translation = this.#translate(snapshot, group.context);
    } catch (error) {
      this.#onFailure({ context: group.context, snapshot, error });
    }
  }
}
