// Looks for the event that breaks folding or translation and quarantines it, one search at a time.
import type { RecordedEvent } from '../../events/envelope.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { MeshConfig } from '../../mesh/config/mesh-config.ts';
import type { FoldFailure } from '../../mesh/fact-reader.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { findCulprit, isQuarantinable, quarantine, quarantineFact, type Search } from './quarantine.ts';
import type { ProxyContext } from './translate/proxy-context.ts';
import type { Translate, TranslationFailure } from './xds/resource-cache.ts';

/** What a search needs. */
export interface CulpritSearchOptions {
  readonly facts: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mesh?: MeshConfig | undefined;
  /** Makes a translator for another lineage of snapshots: a trial must not touch what production remembers. */
  readonly newTranslator: () => Translate;
  readonly onQuarantined: () => void;
}

/** What is known of a failure when the search for its cause begins. */
interface Suspicion extends Omit<Search, 'source'> {
  readonly reason: string;
  readonly culprit?: RecordedEvent;
}

/** How long to wait before looking again for what breaks translation when the log could not say or not be told, in ms. */
const quarantineRetryMs = 1_000;

/** See the file's first line. */
export class CulpritSearch {
  readonly #options: CulpritSearchOptions;
  #searching: Promise<void> | undefined;

  constructor(options: CulpritSearchOptions) {
    this.#options = options;
  }

  /** Resolves when no search is going on. */
  async settled(): Promise<void> {
    await this.#searching;
  }

  /** `good`: position of the last snapshot that translated for everybody. */
  translationFailed({ snapshot, context, error }: TranslationFailure, good: number, signal: AbortSignal): void {
    const reason = messageOf(error);
    this.#options.logger.error(
      { position: snapshot.position, error: reason },
      'translation failed; the last good configuration stays served',
    );
    const bad = snapshot.position;
    this.#search({ good: Math.min(good, bad - 1), bad, reason, fails: this.#trial(context) }, signal);
  }

  /** The facts can not be folded. */
  foldFailed({ good, bad, event, error }: FoldFailure, signal: AbortSignal): void {
    const reason = messageOf(error);
    this.#options.logger.error(
      { position: bad, error: reason },
      'the facts can not be folded; the last good snapshot stays served',
    );
    this.#search({ good, bad, reason, ...(event && { culprit: event }), fails: () => false }, signal);
  }

  #trial(context: ProxyContext): (snapshot: Snapshot) => boolean {
    const translator = this.#options.newTranslator();
    return (snapshot) => {
      try {
        translator(snapshot, context);
        return false;
      } catch {
        return true;
      }
    };
  }

  /** When the culprit is left out, what else is wrong shows by itself. */
  #search(search: Suspicion, signal: AbortSignal): void {
    this.#searching ??= this.#searchAndQuarantine(search, signal).finally(() => {
      this.#searching = undefined;
    });
  }

  async #searchAndQuarantine(search: Suspicion, signal: AbortSignal): Promise<void> {
    const { facts, logger, clock, mesh, onQuarantined } = this.#options;
    const source = { facts, ...(mesh && { mesh }) };
    while (!signal.aborted) {
      try {
        const culprit = search.culprit ?? (await findCulprit({ source, ...search }));
        if (!culprit || !isQuarantinable(culprit)) {
          logger.error(
            { position: search.bad, error: search.reason },
            'no single event explains the failure; nothing is quarantined',
          );
          return;
        }
        const time = new Date(clock.nowMs()).toISOString();
        await quarantine(facts, quarantineFact(culprit, { reason: search.reason, time }));
        onQuarantined();
        logger.error(
          { position: culprit.position, event: culprit.id, type: culprit.type, error: search.reason },
          'event quarantined',
        );
        return;
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'quarantining failed; trying again');
        await clock.sleep(quarantineRetryMs, signal).catch(() => {});
      }
    }
  }
}
