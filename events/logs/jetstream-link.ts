// The connection to NATS: made and remade, its failures as MeshErrors; while it is down every call fails at once instead of queueing.
import { readFileSync } from 'node:fs';
import {
  type Authenticator,
  type ConnectionOptions,
  createInbox,
  errors,
  type NatsConnection,
} from '@nats-io/nats-core';
import { connect, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { serverComplaint } from './jetstream-sync.ts';
import type { JetStreamAddress } from './jetstream-url.ts';

/** Longest wait for an answer: a server that syncs every write to a slow disk still answers well within it. */
export const answerMs = 5_000;

/** Wait between attempts to connect: a restarted server is found again at once, a missing one is not hammered. */
const retryMs = 250;

/** A server that says nothing for two of these is taken for dead: a network that swallows packets is noticed in ten seconds. */
const pingMs = 5_000;

/** How to make a link. */
export interface LinkOptions {
  readonly address: JetStreamAddress;
  /** Name of this client in the server's lists. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gives up waiting for the first connection. */
  readonly signal?: AbortSignal;
}

/** One connection for all that a process does with NATS. */
export class NatsLink {
  readonly connection: NatsConnection;
  #connected = true;
  /** Ends, as failures, what is under way. A race with one long-lived promise would keep every call in memory. */
  readonly #underWay = new Set<(reason: MeshError) => void>();
  readonly #onReconnect = new Set<() => void>();

  readonly #address: Pick<JetStreamAddress, 'inboxPrefix' | 'monitoring'>;

  constructor(
    connection: NatsConnection,
    logger: Logger,
    address: Pick<JetStreamAddress, 'inboxPrefix' | 'monitoring'> = {},
  ) {
    this.connection = connection;
    this.#address = address;
    void this.#watch(logger);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Calls `listener` after each reconnection, until the function that is returned is called. */
  onReconnect(listener: () => void): () => void {
    this.#onReconnect.add(listener);
    return () => this.#onReconnect.delete(listener);
  }

  /** Does something with the server. Rejects with MeshError `unavailable` when it is away, or goes away before it is done, `forbidden` when it denies it. */
  ask<T>(work: (connection: NatsConnection) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#connected) throw this.#away();
      this.#underWay.add(reject);
      const done = () => this.#underWay.delete(reject);
      work(this.connection).then(
        (value) => {
          done();
          resolve(value);
        },
        (error) => {
          done();
          reject(failureOf(error));
        },
      );
    });
  }

  /** A subject of one's own for answers. */
  inbox(): string {
    return createInbox(this.#address.inboxPrefix);
  }

  /** What the server's monitoring port says is wrong with it; undefined: nothing, or the URL names no such port. Never rejects. */
  async complaint(): Promise<string | undefined> {
    return await serverComplaint(this.#address.monitoring);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  async #watch(logger: Logger): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect' || type === 'staleConnection') this.#lost(logger);
      if (type === 'reconnect') this.#found(logger);
    }
    this.#lost(logger);
  }

  #lost(logger: Logger): void {
    if (!this.#connected) return;
    this.#connected = false;
    if (!this.connection.isClosed()) logger.warn({}, 'NATS is away; trying again until it is back');
    for (const reject of this.#underWay) reject(this.#away());
    this.#underWay.clear();
  }

  #found(logger: Logger): void {
    logger.info({ server: this.connection.getServer() }, 'NATS is back');
    this.#connected = true;
    for (const listener of [...this.#onReconnect]) listener();
  }

  #away(): MeshError {
    return new MeshError('unavailable', 'NATS is away: the log can neither be written nor read from the server');
  }
}

/** The error as a MeshError: `forbidden` for what this client may not do, else `unavailable`. */
export function failureOf(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const denied = [error, error instanceof Error ? error.cause : undefined].some(
    (one) => one instanceof errors.PermissionViolationError,
  );
  if (denied) return new MeshError('forbidden', `NATS: ${messageOf(error)}`, { cause: error });
  return new MeshError('unavailable', `NATS: ${messageOf(error)}`, { cause: error });
}

/**
 * Connects, waiting for as long as it takes: services start in any order. Throws MeshError `invalid` when the server refuses the
 * credentials or they can't be read, `unavailable` when `signal` aborts first.
 */
export async function openLink(options: LinkOptions): Promise<NatsLink> {
  const { address, clock, logger, signal } = options;
  let waiting = false;
  for (;;) {
    try {
      return new NatsLink(await connect(connectionOptions(options)), logger, address);
    } catch (error) {
      if (error instanceof MeshError) throw error;
      if (isRefusal(error)) throw new MeshError('invalid', `NATS refuses the credentials: ${messageOf(error)}`);
      if (isUntrusted(error))
        throw new MeshError(
          'invalid',
          `the NATS server's certificate is not trusted: ${messageOf(error)}; give its CA by ?ca=FILE`,
        );
      if (!waiting) logger.warn({ servers: address.servers, error: messageOf(error) }, 'waiting for NATS');
      waiting = true;
      await clock.sleep(retryMs, signal).catch(() => {});
      if (signal?.aborted) throw new MeshError('unavailable', `NATS can't be reached: ${messageOf(error)}`);
    }
  }
}

function connectionOptions({ address, name }: LinkOptions): ConnectionOptions {
  return {
    servers: [...address.servers],
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: retryMs,
    reconnectJitter: 100,
    ignoreAuthErrorAbort: true,
    pingInterval: pingMs,
    maxPingOut: 2,
    timeout: answerMs,
    ...(address.inboxPrefix === undefined ? {} : { inboxPrefix: address.inboxPrefix }),
    ...(address.user === undefined ? {} : { user: address.user, pass: address.password ?? '' }),
    ...(address.token === undefined ? {} : { token: address.token }),
    ...(address.tls ? { tls: address.caFile === undefined ? {} : { ca: read('CA file', address.caFile) } } : {}),
    ...authenticatorOf(address),
  };
}

function authenticatorOf({ credentialsFile, nkeyFile }: JetStreamAddress): { readonly authenticator?: Authenticator } {
  // The client's parser wants the line after the seed to end, too.
  if (credentialsFile !== undefined) return tried(credentialsFile, (text) => credsAuthenticator(bytes(`${text}\n`)));
  if (nkeyFile !== undefined) return tried(nkeyFile, (text) => nkeyAuthenticator(bytes(text)));
  return {};
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

/** An authenticator of the file's content that has signed once: what holds no credentials is wrong now, not an attempt that may succeed later. */
function tried(path: string, make: (text: string) => Authenticator): { readonly authenticator: Authenticator } {
  const authenticator = make(read('credentials', path).trim());
  try {
    authenticator('nonce');
  } catch (error) {
    throw new MeshError('invalid', `${path} holds no NATS credentials: ${messageOf(error)}`, { cause: error });
  }
  return { authenticator };
}

function read(what: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new MeshError('invalid', `the NATS ${what} ${path} can't be read: ${messageOf(error)}`, { cause: error });
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && /Authorization|UserAuthentication/.test(`${error.name} ${error.constructor.name}`);
}

/** Node's and OpenSSL's names for a certificate that does not prove what it should (nodejs.org/api/tls.html, X509 certificate error codes). */
function isUntrusted(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause)
    if (/CERT|SELF_SIGNED|ISSUER|LEAF_SIGNATURE/.test((one as NodeJS.ErrnoException).code ?? '')) return true;
  return false;
}
