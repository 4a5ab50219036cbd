// The Kubernetes API over HTTP/1.1: reads of one answer, and watches as streams of events. Knows no types; its errors hold no secret.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { type ClusterAccess, currentCredential } from './access.ts';
import type { Credential } from './exec-credentials.ts';

/** A refusal by the API server. `status` is 0 when there was no answer. */
export class ApiError extends MeshError {
  readonly status: number;
  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super(
      status === 401 || status === 403 ? 'forbidden' : status === 404 ? 'not-found' : 'unavailable',
      message,
      options,
    );
    this.name = 'ApiError';
    this.status = status;
  }
}

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
  #agent: HttpAgent | HttpsAgent;
  /** Certificate that the agent's connections show. */
  #client: Credential['client'];
  readonly #base: URL;

  constructor(access: ClusterAccess, limits: Partial<ClientLimits> = {}) {
    this.access = access;
    this.#limits = { ...defaultLimits, ...limits };
    this.#base = new URL(access.server);
    this.#client = access.client;
    this.#agent = this.#newAgent();
  }

  #newAgent(): HttpAgent | HttpsAgent {
    if (this.#base.protocol === 'http:') return new HttpAgent({ keepAlive: true });
    const { authority, insecure, serverName } = this.access;
    return new HttpsAgent({
      keepAlive: true,
      ...(authority !== undefined && { ca: authority }),
      ...(insecure && { rejectUnauthorized: false }),
      ...(serverName !== undefined && { servername: serverName }),
      ...(this.#client && { cert: this.#client.certificate, key: this.#client.key }),
    });
  }

  /** A renewed certificate needs other connections; those that are open go on until they end. */
  #agentFor(client: Credential['client']): HttpAgent | HttpsAgent {
    if (client?.certificate !== this.#client?.certificate) {
      this.#client = client;
      this.#agent = this.#newAgent();
    }
    return this.#agent;
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
    const response = await this.#open(path, options);
    if (response.statusCode === 304) {
      response.resume();
      return undefined;
    }
    const text = await this.#textOf(response);
    return { body: options.text ? text : parseJson(text, path), etag: response.headers.etag };
  }

  /** Merges `body` into the object or status at `path` (RFC 7386). Gives the object as it is then. Rejects with ApiError. */
  async patch(path: string, body: unknown, { signal }: { readonly signal: AbortSignal }): Promise<unknown> {
    const response = await this.#open(path, { signal, patch: JSON.stringify(body) });
    return parseJson(await this.#textOf(response), path);
  }

  /** The events of a watch, until the server ends it; rejects with ApiError when it breaks, or is silent for `silenceMs`. */
  async *watch(
    path: string,
    options: { readonly signal: AbortSignal; readonly silenceMs: number; readonly onOpen?: () => void },
  ): AsyncGenerator<WatchEvent> {
    const response = await this.#open(path, options);
    options.onOpen?.();
    response.socket.setKeepAlive(true, 30_000);
    const silence = setTimeout(
      () => response.destroy(new ApiError(0, `the watch was silent for ${options.silenceMs} ms`)),
      options.silenceMs,
    );
    let rest: Buffer[] = [];
    let restBytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        silence.refresh();
        let start = 0;
        for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
          rest.push(chunk.subarray(start, end));
          const line = (rest.length === 1 ? rest[0] : Buffer.concat(rest))?.toString('utf8') ?? '';
          rest = [];
          restBytes = 0;
          start = end + 1;
          if (line.trim() !== '') yield parseJson(line, path) as WatchEvent;
        }
        if (start < chunk.length) rest.push(chunk.subarray(start));
        restBytes += chunk.length - start;
        if (restBytes > this.#limits.maxEventBytes)
          throw new ApiError(0, `an event of ${pathOnly(path)} is larger than ${this.#limits.maxEventBytes} bytes`);
      }
    } catch (error) {
      throw this.#failure(error, options.signal);
    } finally {
      clearTimeout(silence);
      response.destroy();
    }
  }

  /** Closes every connection. */
  close(): void {
    this.#agent.destroy();
  }

  async #open(
    path: string,
    {
      signal,
      accept = 'application/json',
      etag,
      patch,
    }: { signal: AbortSignal; accept?: string; etag?: string; patch?: string },
  ): Promise<IncomingMessage> {
    signal.throwIfAborted();
    const { token, client } = await currentCredential(this.access);
    const headers = {
      accept,
      'user-agent': 'periplus',
      ...(token && { authorization: `Bearer ${token}` }),
      ...(etag !== undefined && { 'if-none-match': etag }),
      ...(patch !== undefined && { 'content-type': 'application/merge-patch+json' }),
    };
    const prefix = this.#base.pathname.replace(/\/+$/, '');
    const url = new URL(`${prefix}${path}`, this.#base);
    const send = url.protocol === 'http:' ? requestHttp : requestHttps;
    const request = send(url, {
      method: patch === undefined ? 'GET' : 'PATCH',
      agent: this.#agentFor(client),
      headers,
      signal,
    });
    const { answerMs } = this.#limits;
    const patience = setTimeout(() => request.destroy(new ApiError(0, `no answer within ${answerMs} ms`)), answerMs);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      // Stays: later errors of the connection come out of reading the response.
      request.on('error', reject);
      request.end(patch);
    })
      .catch((error: unknown) => {
        throw this.#failure(error, signal);
      })
      .finally(() => clearTimeout(patience));
    const { statusCode = 0 } = response;
    if (statusCode === 200 || statusCode === 304) return response;
    throw await this.#refusal(response, path);
  }

  async #textOf(response: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const { answerMs } = this.#limits;
    const patience = setTimeout(
      () => response.destroy(new ApiError(0, `no more of an answer within ${answerMs} ms`)),
      answerMs,
    );
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        patience.refresh();
        bytes += chunk.length;
        if (bytes > this.#limits.maxAnswerBytes)
          throw new ApiError(0, `an answer is larger than ${this.#limits.maxAnswerBytes} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#failure(error, undefined);
    } finally {
      clearTimeout(patience);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  async #refusal(response: IncomingMessage, path: string): Promise<ApiError> {
    const { statusCode = 0 } = response;
    const text = await this.#textOf(response).catch(() => '');
    const said = messageIn(text) ?? response.statusMessage ?? '';
    const { name, server, token, program } = this.access;
    if (statusCode === 401) {
      program?.refused();
      const file = token && 'tokenFile' in token ? ` in ${token.tokenFile}` : '';
      const which = token ? `the token${file}` : program ? "the program's credentials" : 'the credentials';
      return new ApiError(401, `${server} does not accept ${which} of ${name} (401 ${said})`);
    }
    if (statusCode === 403) return new ApiError(403, `${server} forbids it (403): ${said}`);
    return new ApiError(statusCode, `${server} answered ${statusCode} to ${pathOnly(path)}: ${said}`);
  }

  #failure(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof ApiError) return error;
    return new ApiError(0, `${this.access.server} can't be reached: ${reasonOf(error)}`, { cause: error });
  }
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

/** Node's errors for several addresses have an empty message of their own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const hint = /CERT|SIGNATURE|ALTNAME|SELF_SIGNED/.test(code)
    ? ' (check certificate-authority and tls-server-name in the kubeconfig)'
    : '';
  return `${messageOf(error)}${hint}`;
}
