// The connection to KurrentDB: every call ends within a time limit, and every failure is a MeshError.
import { ErrorType, KurrentDBClient } from '@kurrent/kurrentdb-client';
import type { Clock } from '../../lib/clock.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';

/** Longest wait for an answer: the client's own deadline is as long, and some of its calls have none. */
const answerMs = 10_000;

/** One client for all that a process does with KurrentDB. */
export class KurrentDbLink {
  readonly #client: KurrentDBClient;
  readonly #clock: Clock;
  #connected = true;

  /** Throws MeshError `usage` when the client can't make sense of the connection string or of a file that it names. */
  constructor(connectionString: string, clock: Clock) {
    this.#clock = clock;
    try {
      this.#client = KurrentDBClient.connectionString(connectionString);
    } catch (error) {
      throw new MeshError('usage', `the KurrentDB URL can't be used: ${messageOf(error)}`);
    }
  }

  /** False after a call that found nobody. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Does something with the server. Rejects as `failureOf` says, with `unavailable` when there is no answer in time. */
  async ask<T>(work: (client: KurrentDBClient) => Promise<T>): Promise<T> {
    const done = new AbortController();
    const tooLate = this.#clock.sleep(answerMs, done.signal).then(() => {
      throw new MeshError('unavailable', `KurrentDB gives no answer within ${answerMs / 1000} s`);
    });
    tooLate.catch(() => {});
    try {
      const answer = await Promise.race([work(this.#client), tooLate]);
      this.#connected = true;
      return answer;
    } catch (error) {
      throw this.failed(error);
    } finally {
      done.abort();
    }
  }

  /** Notes a failure outside `ask`, and gives it as a MeshError. */
  failed(error: unknown): MeshError {
    const failure = failureOf(error);
    if (failure.code === 'unavailable') this.#connected = false;
    return failure;
  }

  /** The client, for what lasts longer than an answer. */
  get client(): KurrentDBClient {
    return this.#client;
  }

  async close(): Promise<void> {
    await this.#client.dispose();
  }
}

/** What an error of the client says of its kind. */
export function errorTypeOf(error: unknown): string | undefined {
  return error instanceof Error && 'type' in error && typeof error.type === 'string' ? error.type : undefined;
}

const tooLarge: readonly string[] = [
  ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED,
  ErrorType.TRANSACTION_MAX_SIZE_EXCEEDED,
  ErrorType.APPEND_RECORD_SIZE_EXCEEDED,
];
const deleted: readonly string[] = [ErrorType.STREAM_DELETED, ErrorType.STREAM_TOMBSTONED];

/** The error as a MeshError: `forbidden`, `exhausted` and `corrupt` for what no retry mends, else `unavailable`. */
export function failureOf(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const type = errorTypeOf(error) ?? '';
  const cause = { cause: error };
  const message = `KurrentDB: ${messageOf(error) || type}`;
  if (type === ErrorType.ACCESS_DENIED) return new MeshError('forbidden', message, cause);
  if (deleted.includes(type)) return new MeshError('corrupt', `position 1: the stream was deleted. ${message}`, cause);
  if (!tooLarge.includes(type)) return new MeshError('unavailable', message, cause);
  return new MeshError('exhausted', `${message}: raise MaxAppendSize (at most 16 MiB) in the server's settings`, cause);
}
