// Saved projection states in KurrentDB: parts in a stream of their own, then one record that names them, so a half-saved one is never found.
import { createHash, randomUUID } from 'node:crypto';
import { binaryEvent, ErrorType, jsonEvent } from '@kurrent/kurrentdb-client';
import type { LogSnapshot } from '../event-log.ts';
import { errorTypeOf, type KurrentDbLink } from './kurrentdb-link.ts';
import type { SharedSnapshots } from './shared-stream.ts';

/** Bytes of a part: below the server's default MaxAppendSize of 1 MiB. */
const partBytes = 512 * 1024;

/** What is recorded of a whole snapshot. */
interface Manifest extends Record<string, unknown> {
  readonly position: number;
  readonly hash: string;
  readonly parts: number;
  /** Stream of the parts. */
  readonly upload: string;
  /** Of the state, hex. */
  readonly sha256: string;
}

/** Snapshots of one log, named after its stream. */
export class KurrentDbSnapshots implements SharedSnapshots {
  readonly #link: KurrentDbLink;
  readonly #stream: string;

  constructor(link: KurrentDbLink, logStream: string) {
    this.#link = link;
    this.#stream = `${logStream}-snapshots`;
  }

  async save({ name, position, hash, state }: LogSnapshot): Promise<void> {
    const before = (await this.#manifests(name)).find((one) => one.position === position);
    const upload = `${this.#stream}-${name}-${position}-${randomUUID()}`;
    const parts = Math.ceil(state.length / partBytes);
    for (let i = 0; i < parts; i++) {
      const data = state.slice(i * partBytes, (i + 1) * partBytes);
      const part = binaryEvent({ type: 'periplus-snapshot-part', data });
      await this.#link.ask((client) => client.appendToStream(upload, [part]));
    }
    const manifest: Manifest = { position, hash, parts, upload, sha256: sha256(state) };
    const event = jsonEvent({ type: 'periplus-snapshot', data: manifest });
    await this.#link.ask((client) => client.appendToStream(`${this.#stream}-${name}`, [event]));
    if (before !== undefined && before.parts > 0) await this.#link.ask((client) => client.deleteStream(before.upload));
  }

  async *load(name: string, position: number): AsyncGenerator<LogSnapshot> {
    for (const manifest of await this.#manifests(name)) {
      if (manifest.position > position) continue;
      const state = await this.#assemble(manifest);
      if (state !== undefined) yield { name, position: manifest.position, hash: manifest.hash, state };
    }
  }

  /** The newest manifest of each position, by position, highest first. */
  async #manifests(name: string): Promise<readonly Manifest[]> {
    const found = new Map<number, Manifest>();
    for (const data of await this.#read(`${this.#stream}-${name}`)) {
      const manifest = data as Manifest;
      found.set(manifest.position, manifest);
    }
    return [...found.values()].sort((a, b) => b.position - a.position);
  }

  /** Undefined when it is not whole: a damaged snapshot only costs time, the one before it serves. */
  async #assemble(manifest: Manifest): Promise<Uint8Array | undefined> {
    const parts = manifest.parts === 0 ? [] : await this.#read(manifest.upload);
    const state = new Uint8Array(Buffer.concat(parts.filter((part) => part instanceof Uint8Array)));
    return sha256(state) === manifest.sha256 ? state : undefined;
  }

  /** Data of all records of a stream, none when there is no such stream. */
  async #read(stream: string): Promise<readonly unknown[]> {
    return await this.#link.ask(async (client) => {
      const all: unknown[] = [];
      try {
        for await (const { event } of client.readStream(stream, { requiresLeader: true })) all.push(event?.data);
      } catch (error) {
        if (errorTypeOf(error) !== ErrorType.STREAM_NOT_FOUND) throw error;
      }
      return all;
    });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
