// Kafka as the place that logs are mirrored to: one topic for the events, one compacted topic for how far they go.
import { Admin, Producer, stringSerializers } from '@platformatic/kafka';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { RecordedEvent } from '../envelope.ts';
import { messageOfEvent, messageOfPlace, placeOfValue } from './kafka-message.ts';
import { newestValue } from './kafka-positions.ts';
import { type KafkaAddress, readFile } from './kafka-url.ts';
import type { MirrorPlace, MirrorSession, MirrorTarget } from './mirror-target.ts';

/** A broker that says nothing for so long is taken for dead: syncing replicas takes a fraction of it. */
const requestMs = 10_000;
const connectMs = 5_000;
/** The client's own attempts, for a leader that moves; what lasts longer is the supervisor's, with its backoff. */
const attempts = { retries: 3, retryDelay: 250 } as const;
/** Waits for the answers of all in-sync replicas. */
const acksAll = -1;

type Connection = ReturnType<typeof connectionOf>;

/** Mirrors to the topic of the address; positions lie in `TOPIC-positions`. Throws MeshError `usage` when a file of the URL can't be read. */
export function kafkaTarget(address: KafkaAddress, clientId: string): MirrorTarget {
  const connection = connectionOf(address, clientId);
  const topics = { events: address.topic, positions: `${address.topic}-positions` };
  return {
    name: address.name,
    open: async (log, signal) => {
      await abortable(signal, ensureTopics(connection, topics));
      return new KafkaSession({ connection, topics, log, signal });
    },
  };
}

interface Topics {
  readonly events: string;
  readonly positions: string;
}

interface SessionOptions {
  readonly connection: Connection;
  readonly topics: Topics;
  readonly log: string;
  readonly signal: AbortSignal;
}

class KafkaSession implements MirrorSession {
  readonly #options: SessionOptions;
  readonly #producer: Producer<string, string, string, string>;

  constructor(options: SessionOptions) {
    this.#options = options;
    // Idempotent: an attempt that is repeated inside the client is stored once and in order.
    const producing = { acks: acksAll, idempotent: true, autocreateTopics: false, serializers: stringSerializers };
    this.#producer = new Producer({ ...options.connection, ...producing });
  }

  async place(): Promise<MirrorPlace | undefined> {
    const { connection, log, signal, topics } = this.#options;
    const value = await abortable(signal, newestValue({ connection, topic: topics.positions }, log));
    return value === undefined ? undefined : placeOfValue(value);
  }

  async send(events: readonly RecordedEvent[]): Promise<void> {
    const { log, signal, topics } = this.#options;
    const messages = events.map((event) => messageOfEvent(event, topics.events, log));
    await abortable(signal, this.#producer.send({ messages }));
  }

  async note(place: MirrorPlace): Promise<void> {
    const { log, signal, topics } = this.#options;
    await abortable(signal, this.#producer.send({ messages: [messageOfPlace(place, topics.positions, log)] }));
  }

  async close(): Promise<void> {
    await closed(this.#producer);
  }
}

function connectionOf({ brokers, sasl, tls }: KafkaAddress, clientId: string) {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    requestTimeout: requestMs,
    connectTimeout: connectMs,
    ...attempts,
    ...(tls && {
      tls: {
        ...(tls.caFile !== undefined && { ca: readFile(tls.caFile) }),
        ...(tls.certFile !== undefined && { cert: readFile(tls.certFile) }),
        ...(tls.keyFile !== undefined && { key: readFile(tls.keyFile) }),
      },
      // Server name of the certificate: the broker's host.
      tlsServerName: true,
    }),
    ...(sasl && { sasl: { ...sasl } }),
  };
}

/**
 * Makes the topics that are missing. One partition: then the whole log is in order, not only each subject. Whoever wants more, or other
 * settings, makes the topic beforehand.
 */
async function ensureTopics(connection: Connection, { events, positions }: Topics): Promise<void> {
  const admin = new Admin(connection);
  try {
    const present = await admin.listTopics();
    // -1: as many copies as the brokers make by default.
    const common = { partitions: 1, replicas: -1 };
    const compact = [{ name: 'cleanup.policy', value: 'compact' }];
    if (!present.includes(events)) await createTopic(admin, { topics: [events], ...common });
    if (!present.includes(positions)) await createTopic(admin, { topics: [positions], ...common, configs: compact });
  } finally {
    await closed(admin);
  }
}

async function createTopic(admin: Admin, options: Parameters<Admin['createTopics']>[0]): Promise<void> {
  try {
    await admin.createTopics(options);
  } catch (error) {
    // Another mirror was quicker.
    if (!mentions(error, 'TOPIC_ALREADY_EXISTS')) throw error;
  }
}

/** Does not wait longer than `signal` allows for what can't be cancelled. Failures become MeshErrors. */
async function abortable<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } catch (error) {
    throw signal.aborted ? error : failureOf(error);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function closed(
  client: { close(): void | Promise<void> } | Producer<string, string, string, string>,
): Promise<void> {
  try {
    await (client instanceof Producer ? client.close(true) : client.close());
  } catch {
    // Its connections have broken: there is nothing left to close.
  }
}

/** The client's error as a MeshError. */
export function failureOf(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const message = innermostMessage(error);
  const because = { cause: error };
  if (mentions(error, 'MESSAGE_TOO_LARGE') || mentions(error, 'RECORD_LIST_TOO_LARGE'))
    return new MeshError('exhausted', `Kafka takes no message so large: raise max.message.bytes of the topic`, because);
  if (mentions(error, 'AUTHORIZATION_FAILED') || mentions(error, 'PLT_KFK_AUTHENTICATION'))
    return new MeshError('forbidden', `Kafka: ${message}`, because);
  return new MeshError('unavailable', `Kafka: ${message}`, because);
}

/** Whether an error, or one inside it, has this id or code. */
function mentions(error: unknown, id: string): boolean {
  const has = (value: unknown) => typeof value === 'string' && value.includes(id);
  return insideOut(error).some((one) => ('apiId' in one && has(one.apiId)) || ('code' in one && has(one.code)));
}

function innermostMessage(error: unknown): string {
  const inside = insideOut(error);
  return messageOf(inside[0] ?? error);
}

/** The errors that an error is made of, the innermost first. */
function insideOut(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return [];
  const parts = error instanceof AggregateError ? (error.errors as unknown[]) : [error.cause];
  return [...parts.flatMap(insideOut), error];
}
