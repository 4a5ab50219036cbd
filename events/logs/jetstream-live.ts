// Publishes recorded events on core NATS subjects, as CloudEvents, for whoever wants to watch: `nats sub 'mesh.>'`.

import type { KV } from '@nats-io/kv';
import { headers } from '@nats-io/nats-core';
import type { Clock } from '../../lib/clock.ts';
import { cloudEventType, encodeCloudEvent } from '../cloud-event.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { EventLog } from '../event-log.ts';
import { placeProblem } from '../mirror/mirror.ts';
import type { MirrorPlace, MirrorSession, MirrorTarget } from '../mirror/mirror-target.ts';
import { openBucket } from './jetstream-kv.ts';
import type { NatsLink } from './jetstream-link.ts';
import { livePrefix, subjectTokens } from './jetstream-subject.ts';

/** What live events need. */
export interface LiveOptions {
  readonly link: NatsLink;
  readonly mesh: string;
  readonly replicas: number;
  /** The logs by their names. */
  readonly logs: Readonly<Record<string, EventLog>>;
  readonly clock: Clock;
}

/** How often the place is noted at most, in ms: what is published again after a crash is no more than what came since. */
const noteEveryMs = 1_000;
/** What a message's subject and headers may take of the server's `max_payload`. */
const overheadBytes = 4 * 1024;

/** `mesh.LOG.TYPE.SUBJECT`, the event's type and subject as NATS tokens. */
export function liveSubject(mesh: string, log: string, event: Pick<RecordedEvent, 'type' | 'subject'>): string {
  const type = subjectTokens(event.type.replaceAll('.', '/'));
  return `${livePrefix(mesh)}.${log}.${type}.${subjectTokens(event.subject)}`;
}

/**
 * The event in CloudEvents' JSON format (NATS protocol binding, structured mode). One that is larger than `maxBytes` comes without its data and
 * says in `dataref` (CloudEvents extension) where the admin API has it.
 */
export function liveText(event: RecordedEvent, log: string, maxBytes: number): string {
  const text = encodeCloudEvent(event);
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const { data: _, datacontenttype: _type, ...rest } = JSON.parse(text) as Record<string, unknown>;
  const from = event.position;
  return JSON.stringify({ ...rest, dataref: `/api/v1/events?log=${log}&from=${from}&to=${from}` });
}

/** A place to mirror logs to which keeps nothing but how far it is: a mesh's first publisher begins at the logs' ends. */
export function liveTarget(options: LiveOptions): MirrorTarget {
  const { link, mesh, replicas } = options;
  return {
    name: 'live',
    open: async (log) => {
      const kv = await openBucket(link, { name: `${mesh}-bookmarks`, replicas });
      return new LiveSession(options, log, kv);
    },
  };
}

class LiveSession implements MirrorSession {
  readonly #options: LiveOptions;
  readonly #log: string;
  readonly #kv: KV;
  #notedMs = 0;
  #unnoted: MirrorPlace | undefined;

  constructor(options: LiveOptions, log: string, kv: KV) {
    this.#options = options;
    this.#log = log;
    this.#kv = kv;
  }

  /** Where to go on in this log; its end when nothing is known, or what is known is of another. */
  async place(): Promise<MirrorPlace | undefined> {
    const { link, logs } = this.#options;
    const log = logs[this.#log];
    const entry = await link.ask(() => this.#kv.get(this.#key));
    const noted = entry?.operation === 'PUT' ? entry.json<MirrorPlace>() : undefined;
    if (noted && log && placeProblem(noted, await log.head(noted.position)) === undefined) return noted;
    const head = await log?.head();
    if (head === undefined || head.position === 0) return undefined;
    return { position: head.position, hash: head.hash };
  }

  /** Resolves when the server has taken them: it passes them on to those who are there. */
  async send(events: readonly RecordedEvent[]): Promise<void> {
    const { link, mesh } = this.#options;
    const contentType = headers();
    contentType.set('content-type', cloudEventType);
    await link.ask(async (connection) => {
      const maxBytes = (connection.info?.max_payload ?? 1024 * 1024) - overheadBytes;
      for (const event of events)
        connection.publish(liveSubject(mesh, this.#log, event), liveText(event, this.#log, maxBytes), {
          headers: contentType,
        });
      await connection.flush();
    });
  }

  async note(place: MirrorPlace): Promise<void> {
    this.#unnoted = place;
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#notedMs < noteEveryMs) return;
    this.#notedMs = nowMs;
    await this.#write();
  }

  async close(): Promise<void> {
    await this.#write().catch(() => {});
  }

  async #write(): Promise<void> {
    const place = this.#unnoted;
    if (place === undefined) return;
    await this.#options.link.ask(() => this.#kv.put(this.#key, JSON.stringify(place)));
    if (this.#unnoted === place) this.#unnoted = undefined;
  }

  get #key(): string {
    return `live.${this.#log}`;
  }
}
