// Finds out what made a proxy refuse a response: which resources, and which events gave them the content that was refused.
import type { RecordedEvent } from '../../../events/envelope.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { findCulprit } from '../quarantine.ts';
import type { FactsSource } from '../replay/snapshots-at.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { TypeUrl } from '../translate/translation.ts';
import type { Translate } from '../xds/resource-cache.ts';
import type { AnswerRecord, RejectionRecord, StreamIdentity } from '../xds/stream-observer.ts';
import { blamedResources } from './blamed-resources.ts';

/** What was found. */
export interface TracedRejection {
  readonly stream: StreamIdentity;
  readonly rejection: RejectionRecord;
  /** Names of the resources, the client's own words. */
  readonly resources: readonly string[];
  /** The events that gave them this content, oldest first. Empty: the log does not tell. */
  readonly causes: readonly RecordedEvent[];
}

/** What a tracer is made of. */
export interface RejectionTracerOptions {
  readonly source: FactsSource;
  /** Makes a translator for one search: it must not touch what production remembers. */
  readonly newTranslator: () => Translate;
  readonly logger: Logger;
  readonly onTraced: (traced: TracedRejection) => void;
}

/** Rejections that wait to be looked into; a mesh that refuses more than this at once does so for few reasons. */
const maxWaiting = 1_000;
/** Resources looked into for one rejection: a client that names none may mean any of thousands. */
const maxResources = 16;
/** Events named for one content: a proxy that is behind by more has other troubles. */
const maxCauses = 8;
/** Causes remembered by what was refused: proxies of one kind refuse the same. */
const maxRemembered = 1_000;

/** One content of one resource, and between which facts positions it came to be: the client had taken the type at `good`. */
interface Refused {
  readonly version: string;
  readonly good: number;
  readonly bad: number;
}

interface Waiting {
  readonly stream: StreamIdentity;
  readonly rejection: RejectionRecord;
  readonly resources: readonly string[];
  /** By name, what was refused first since the client last took the resource, and now. */
  readonly refused: ReadonlyMap<string, readonly Refused[]>;
}

/** A resource as one proxy has it. */
interface ResourceOf {
  readonly typeUrl: string;
  readonly name: string;
  readonly context: ProxyContext;
}

/** What is known of a stream. */
interface StreamMemory {
  /** Facts positions that were acknowledged, by type. */
  readonly acknowledged: Map<string, number>;
  /** What was refused first, by type and name, until the resource is taken. */
  readonly standing: Map<string, Refused>;
}

/** See the file's first line. */
export class RejectionTracer implements Service {
  readonly name = 'rejection-tracer';
  readonly #options: RejectionTracerOptions;
  readonly #waiting: Waiting[] = [];
  readonly #wake = new Latest<number>();
  readonly #streams = new Map<string, StreamMemory>();
  readonly #remembered = new Map<string, readonly RecordedEvent[]>();
  #count = 0;

  constructor(options: RejectionTracerOptions) {
    this.#options = options;
  }

  acknowledged({ streamId }: StreamIdentity, { typeUrl, position, sent }: AnswerRecord): void {
    const memory = this.#memoryOf(streamId);
    memory.acknowledged.set(typeUrl, position);
    if (memory.standing.size > 0) for (const [name] of sent()) memory.standing.delete(`${typeUrl}\0${name}`);
  }

  rejected(stream: StreamIdentity, rejection: RejectionRecord): void {
    if (this.#waiting.length >= maxWaiting) return;
    const { typeUrl, position: bad } = rejection;
    const memory = this.#memoryOf(stream.streamId);
    const good = memory.acknowledged.get(typeUrl) ?? 0;
    const blamed = blamedResources(rejection.sent(), rejection.message);
    const refused = new Map<string, readonly Refused[]>();
    for (const [name, version] of blamed.slice(0, maxResources)) {
      const now = { version, good, bad };
      const key = `${typeUrl}\0${name}`;
      const first = memory.standing.get(key) ?? now;
      memory.standing.set(key, first);
      // What it became later is refused for the first reason, or for that and another.
      refused.set(name, first.version === version ? [first] : [first, now]);
    }
    this.#waiting.push({ stream, rejection, resources: blamed.map(([name]) => name), refused });
    this.#wake.set(++this.#count);
  }

  disconnected({ streamId }: StreamIdentity): void {
    this.#streams.delete(streamId);
  }

  #memoryOf(streamId: string): StreamMemory {
    let memory = this.#streams.get(streamId);
    if (memory === undefined) this.#streams.set(streamId, (memory = { acknowledged: new Map(), standing: new Map() }));
    return memory;
  }

  /** One at a time until `signal` aborts: people wait for it, proxies do not. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#wake.watch(signal)) {
      for (let next = this.#waiting.shift(); next && !signal.aborted; next = this.#waiting.shift()) {
        try {
          this.#options.onTraced(await this.#trace(next));
        } catch (error) {
          this.#options.logger.warn({ error: messageOf(error) }, 'the cause of a rejection could not be looked for');
        }
      }
    }
  }

  async #trace({ stream, rejection, resources, refused }: Waiting): Promise<TracedRejection> {
    const causes = new Map<number, RecordedEvent>();
    for (const [name, contents] of refused) {
      for (const content of contents) {
        const of = { typeUrl: rejection.typeUrl, name, context: stream.context };
        for (const event of await this.#causesOf(content, of)) causes.set(event.position, event);
      }
    }
    return { stream, rejection, resources, causes: [...causes.values()].sort((a, b) => a.position - b.position) };
  }

  /** Of a proxy that was sent several changes at once, all that changed the resource since it had last taken it: any may be the wrong one. */
  async #causesOf(content: Refused, of: ResourceOf): Promise<readonly RecordedEvent[]> {
    const { version, good, bad } = content;
    const key = `${of.typeUrl}\0${of.name}\0${version}\0${good}`;
    const known = this.#remembered.get(key);
    if (known) return known;
    const causes: RecordedEvent[] = [];
    const versions = new Map<number, string | undefined>();
    const search = async (from: number, to: number, wanted: string | undefined) =>
      await findCulprit({
        source: this.#options.source,
        good: from,
        bad: to,
        fails: this.#looksFor(wanted, of, versions),
      });
    let found =
      (good < bad ? await search(good, bad, version) : undefined) ??
      // It was in what had been taken already: sent again for another reason.
      (await search(0, bad, version));
    while (found && causes.length < maxCauses) {
      causes.unshift(found);
      const before = found.position - 1;
      const isSame = !versions.has(good) || !versions.has(before) || versions.get(before) === versions.get(good);
      found = before <= good || isSame ? undefined : await search(good, before, versions.get(before));
    }
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear();
    this.#remembered.set(key, causes);
    return causes;
  }

  /** Whether the resource has this version in a snapshot; what versions it had is noted by position. */
  #looksFor(
    version: string | undefined,
    { typeUrl, name, context }: ResourceOf,
    versions: Map<number, string | undefined>,
  ) {
    const translator = this.#options.newTranslator();
    return (snapshot: Snapshot) => {
      const has = translator(snapshot, context)
        .resources(typeUrl as TypeUrl)
        .get(name)?.version;
      versions.set(snapshot.position, has);
      return has === version;
    };
  }
}
