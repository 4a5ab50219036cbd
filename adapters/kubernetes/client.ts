// The Kubernetes API as the adapter asks it: reads of one answer, and watches as streams of events. Knows no types; its errors hold no secret.
import { STATUS_CODES } from 'node:http';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { OpenPlatform, PlatformAnswer, PlatformReader } from '../platform-http.ts';
import type { ClusterAccess } from './access.ts';
import { ApiError } from './api-error.ts';
import { addressOf, KubernetesHttp } from './kubernetes-http.ts';

/** An object as the API gives it. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** One line of a watch (kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes). */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: ApiObject;
}

/** An answer with its validator, for asking again whether it changed. */
export interface Answer {
  readonly body: unknown;
  readonly etag: string | undefined;
}

/** Bounds of one client. */
export interface ClientLimits {
  /** No answer, or no more of it, for this long: the request is given up. Above a slow quorum read on a loaded etcd. */
  readonly answerMs: number;
  /** Of one answer; 500 objects of the largest size that etcd takes are refused, 500 usual ones take 5 MB. */
  readonly maxAnswerBytes: number;
  /** Of one watch event; etcd's limit for an object is 1.5 MiB, JSON may escape it to more. */
  readonly maxEventBytes: number;
}

const defaultLimits: ClientLimits = { answerMs: 30_000, maxAnswerBytes: 256 << 20, maxEventBytes: 16 << 20 };

/** See the file's first line. */
export class KubernetesClient {
  readonly access: ClusterAccess;
  readonly #limits: ClientLimits;
  /** Writes, and reads where nothing stands between. */
  readonly #http: KubernetesHttp;
  readonly #reader: PlatformReader;

  /** `open` reads instead of the network: a recorder around it, or a recording. */
  constructor(access: ClusterAccess, limits: Partial<ClientLimits> = {}, open?: OpenPlatform) {
    this.access = access;
    this.#limits = { ...defaultLimits, ...limits };
    this.#http = new KubernetesHttp(access);
    this.#reader = open?.(addressOf(access)) ?? this.#http;
  }

  /** GETs `path`. Undefined when it is still what `etag` stood for. Rejects with ApiError. */
  async get(
    path: string,
    options: {
      readonly signal: AbortSignal;
      readonly accept?: string;
      readonly etag?: string;
      /** The body is no JSON. */
      readonly text?: boolean;
    },
  ): Promise<Answer | undefined> {
    const { signal, accept, etag } = options;
    const headers = { ...(accept && { accept }), ...(etag !== undefined && { 'if-none-match': etag }) };
    const bounds = { signal, headers, limitMs: this.#limits.answerMs, maxBytes: this.#limits.maxAnswerBytes };
    const answer = await this.#reader.get(path, bounds).catch((error: unknown) => {
      throw failureOf(error, signal);
    });
    if (answer.status === 304) return undefined;
    if (answer.status !== 200) throw this.#refusal(answer, path);
    return { body: options.text ? answer.text : parseJson(answer.text, path), etag: answer.headers.etag };
  }

  /** Merges `body` into the object or status at `path` (RFC 7386). Gives the object as it is then. Rejects with ApiError. */
  async patch(path: string, body: unknown, { signal }: { readonly signal: AbortSignal }): Promise<unknown> {
    const headers = { 'content-type': 'application/merge-patch+json' };
    const bounds = { signal, headers, limitMs: this.#limits.answerMs, maxBytes: this.#limits.maxAnswerBytes };
    const answer = await this.#http.patch(path, JSON.stringify(body), bounds);
    if (answer.status !== 200) throw this.#refusal(answer, path);
    return parseJson(answer.text, path);
  }

  /** The events of a watch, until the server ends it; rejects with ApiError when it breaks, or is silent for `silenceMs`. */
  async *watch(
    path: string,
    options: { readonly signal: AbortSignal; readonly silenceMs: number; readonly onOpen?: () => void },
  ): AsyncGenerator<WatchEvent> {
    const { signal, silenceMs } = options;
    const bounds = { signal, silenceMs, limitMs: this.#limits.answerMs, maxBytes: this.#limits.maxEventBytes };
    try {
      const lines = await this.#reader.lines(path, bounds);
      if ('status' in lines) throw this.#refusal(lines, path);
      options.onOpen?.();
      for await (const line of lines) yield parseJson(line, path) as WatchEvent;
    } catch (error) {
      throw failureOf(error, signal);
    }
  }

  /** Closes every connection. */
  close(): void {
    this.#http.close();
    if (this.#reader instanceof KubernetesHttp) this.#reader.close();
  }

  #refusal({ status, text, headers }: PlatformAnswer, path: string): ApiError {
    const said = messageIn(text) ?? STATUS_CODES[status] ?? '';
    const { name, server, token, program } = this.access;
    if (status === 401) {
      program?.refused();
      const file = token && 'tokenFile' in token ? ` in ${token.tokenFile}` : '';
      const which = token ? `the token${file}` : program ? "the program's credentials" : 'the credentials';
      return new ApiError(401, `${server} does not accept ${which} of ${name} (401 ${said})`);
    }
    if (status === 403) return new ApiError(403, `${server} forbids it (403): ${said}`);
    const retryAfter = headers['retry-after'];
    return new ApiError(status, `${server} answered ${status} to ${pathOnly(path)}: ${said}`, { retryAfter });
  }
}

/** Whoever reads for us may fail in words of its own. */
function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof ApiError || !(error instanceof MeshError)) return error;
  return new ApiError(0, messageOf(error), { cause: error });
}

function pathOnly(path: string): string {
  return path.split('?')[0] ?? path;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError(0, `${pathOnly(path)} answered something that is not JSON`, { cause: error });
  }
}

/** The message of a Status object. */
function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message.slice(0, 500) : undefined;
  } catch {
    return undefined;
  }
}
