// The count store in NATS: one message a key in a stream in memory, replaced only by who names its sequence.
import { headers } from '@nats-io/nats-core';
import { MeshError } from '../../lib/mesh-error.ts';
import type { CountChange, CountStore, StoredCount } from '../count-store.ts';
import { answerMs, type NatsLink } from './jetstream-link.ts';
import { api, ensureStream, type StreamConfig } from './jetstream-stream.ts';

/** Answers of the server (nats-server errors.json). */
const codes = { noMessage: 10037, wrongLast: [10071, 10164], full: [10077, 10023, 10047] } as const;

/** Room for all counts of a mesh: about 100,000 combinations of dimensions. Memory, so that a charge waits for no disk. */
const maxBytes = 64 * 1024 * 1024;

/** Counts of one mesh, in the stream `MESH-counts`. They are lost when every server that holds it has stopped. */
export class NatsCounts implements CountStore {
  readonly #link: NatsLink;
  readonly #config: StreamConfig;
  readonly #prefix: string;
  #made: Promise<unknown> | undefined;

  constructor({ link, mesh, replicas }: { readonly link: NatsLink; readonly mesh: string; readonly replicas: number }) {
    this.#link = link;
    this.#prefix = `${mesh}.counts`;
    this.#config = countsConfig(`${mesh}-counts`, this.#prefix, replicas);
  }

  async read(key: string): Promise<StoredCount | undefined> {
    const found = await this.#ask(() =>
      api<{ message: { data?: string; seq: number } }>(this.#link, {
        subject: `STREAM.MSG.GET.${this.#config.name}`,
        body: { last_by_subj: `${this.#prefix}.${key}` },
        missing: codes.noMessage,
      }),
    );
    const message = found?.message;
    // A message without data is the mark that the server leaves where one has run out.
    if (message?.data === undefined) return undefined;
    return { value: Buffer.from(message.data, 'base64').toString(), revision: message.seq };
  }

  async write(key: string, value: string, { revision, keepMs }: CountChange): Promise<number | 'conflict' | 'full'> {
    const conditions = headers();
    conditions.set('Nats-Expected-Last-Subject-Sequence', String(revision));
    // Whole seconds, one at least (NATS ADR-43).
    if (keepMs !== undefined) conditions.set('Nats-TTL', `${Math.ceil(Math.max(keepMs, 1_000) / 1_000)}s`);
    const answer = await this.#ask(() =>
      this.#link.ask((connection) =>
        connection.request(`${this.#prefix}.${key}`, value, { headers: conditions, timeout: answerMs }),
      ),
    );
    const { seq, error } = answer.json<{ seq?: number; error?: { err_code: number; description: string } }>();
    if (error === undefined) return seq ?? 0;
    const is = (known: readonly number[]) => known.includes(error.err_code);
    if (is(codes.wrongLast)) return 'conflict';
    if (is(codes.full)) return 'full';
    throw new MeshError('unavailable', `NATS refuses a count: ${error.description} (${error.err_code})`);
  }

  /** A failure may mean that the stream went with its servers: it is looked for again. */
  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      await (this.#made ??= ensureStream(this.#link, this.#config));
      return await work();
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
  }
}

function countsConfig(name: string, prefix: string, replicas: number): StreamConfig {
  return {
    name,
    subjects: [`${prefix}.*`],
    retention: 'limits',
    storage: 'memory',
    // A new count is refused, never an old one forgotten: that would give its client a fresh limit.
    discard: 'new',
    max_age: 0,
    max_msgs: -1,
    max_bytes: maxBytes,
    max_msgs_per_subject: 1,
    num_replicas: replicas,
    allow_atomic: false,
    allow_direct: false,
    allow_msg_ttl: true,
  };
}
