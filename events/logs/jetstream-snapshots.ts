// Saved projection states in a stream of their own: parts first, then one message that names them, so a half-saved one is never found.
import { createHash, randomUUID } from 'node:crypto';
import { MeshError } from '../../lib/mesh-error.ts';
import type { LogSnapshot } from '../event-log.ts';
import { answerMs, type NatsLink } from './jetstream-link.ts';
import { api, ensureStream, logStreamConfig, type StreamConfig } from './jetstream-stream.ts';
import { subjectTokens } from './jetstream-subject.ts';
import type { SharedSnapshots } from './shared-stream.ts';

/** Bytes of a part: below the server's default `max_payload` of 1 MiB. */
const partBytes = 512 * 1024;
/** No message at that subject. */
const notFound = 10037;
const streamNotFound = 10059;

interface Manifest {
  readonly position: number;
  readonly hash: string;
  readonly parts: number;
  /** Subject of the parts, to which their number is added. */
  readonly upload: string;
  /** Of the state, hex. */
  readonly sha256: string;
}

/** Where snapshots of one log are kept. */
export interface SnapshotStoreOptions {
  readonly link: NatsLink;
  readonly mesh: string;
  /** `facts` or `deliveries`. */
  readonly log: string;
  readonly replicas: number;
}

/** Snapshots of one log. All calls reject with `unavailable` while NATS is away. */
export class SnapshotStore implements SharedSnapshots {
  readonly #link: NatsLink;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #config: StreamConfig;

  constructor({ link, mesh, log, replicas }: SnapshotStoreOptions) {
    this.#link = link;
    this.#stream = `${mesh}-snapshots`;
    this.#prefix = `${mesh}.snapshots.${log}`;
    // The newest message of a subject replaces the one before: a snapshot that is saved again.
    const base = logStreamConfig(this.#stream, `${mesh}.snapshots`, replicas);
    this.#config = { ...base, max_msgs_per_subject: 1 };
  }

  /** Saves it durably; one of the same name and position is replaced. */
  async save({ name, position, hash, state }: LogSnapshot): Promise<void> {
    await ensureStream(this.#link, this.#config);
    const subject = `${this.#prefix}.${subjectTokens(name)}.at.${position}`;
    const before = await this.#last(subject);
    const upload = `${this.#prefix}.${subjectTokens(name)}.part.${randomUUID()}`;
    const parts = Math.ceil(state.length / partBytes);
    for (let i = 0; i < parts; i++)
      await this.#put(`${upload}.${i}`, state.subarray(i * partBytes, (i + 1) * partBytes));
    const manifest: Manifest = { position, hash, parts, upload, sha256: sha256(state) };
    await this.#put(subject, Buffer.from(JSON.stringify(manifest)));
    if (before !== undefined) await this.#purge((JSON.parse(before.toString()) as Manifest).upload);
  }

  /** Whole snapshots of `name` at or before `position`, newest first. */
  async *load(name: string, position: number): AsyncGenerator<LogSnapshot> {
    const prefix = `${this.#prefix}.${subjectTokens(name)}.at`;
    for (const at of await this.#positions(prefix)) {
      if (at > position) continue;
      const manifest = await this.#last(`${prefix}.${at}`);
      const snapshot = manifest && (await this.#assemble(name, JSON.parse(manifest.toString()) as Manifest));
      if (snapshot !== undefined) yield snapshot;
    }
  }

  /** Positions with a snapshot, newest first. */
  async #positions(prefix: string): Promise<readonly number[]> {
    const found: number[] = [];
    // The server lists at most 100,000 subjects at a time.
    for (let total = 1, offset = 0; offset < total; ) {
      const body = { subjects_filter: `${prefix}.*`, offset };
      const info = await api<{ total?: number; state: { subjects?: Record<string, number> } }>(this.#link, {
        subject: `STREAM.INFO.${this.#stream}`,
        body,
        missing: streamNotFound,
      });
      const subjects = Object.keys(info?.state.subjects ?? {});
      if (subjects.length === 0) break;
      for (const subject of subjects) found.push(Number(subject.slice(prefix.length + 1)));
      offset += subjects.length;
      total = info?.total ?? 0;
    }
    return found.sort((a, b) => b - a);
  }

  async #assemble(name: string, manifest: Manifest): Promise<LogSnapshot | undefined> {
    const parts: Buffer[] = [];
    for (let i = 0; i < manifest.parts; i++) {
      const part = await this.#last(`${manifest.upload}.${i}`);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    const state = new Uint8Array(Buffer.concat(parts));
    // A damaged snapshot only costs time: the one before it serves.
    if (sha256(state) !== manifest.sha256) return undefined;
    return { name, position: manifest.position, hash: manifest.hash, state };
  }

  async #put(subject: string, body: Uint8Array): Promise<void> {
    const answer = await this.#link.ask((connection) => connection.request(subject, body, { timeout: answerMs }));
    const { error } = answer.json<{ error?: { description: string } }>();
    if (error !== undefined) throw new MeshError('unavailable', `NATS refuses a snapshot: ${error.description}`);
  }

  /** The newest message at a subject, from the leader. */
  async #last(subject: string): Promise<Buffer | undefined> {
    const found = await api<{ message: { data?: string } }>(this.#link, {
      subject: `STREAM.MSG.GET.${this.#stream}`,
      body: { last_by_subj: subject },
      missing: notFound,
    });
    return found && Buffer.from(found.message.data ?? '', 'base64');
  }

  async #purge(upload: string): Promise<void> {
    await api(this.#link, { subject: `STREAM.PURGE.${this.#stream}`, body: { filter: `${upload}.*` } });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
