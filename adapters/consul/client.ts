// Consul's HTTP API: reads and blocking queries over node:http, bounded in time and size. Its errors hold no secret.
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';

/** Where Consul is and who asks. */
export interface ConsulAccess {
  /** `http://HOST:PORT` or `https://…`, of an agent or a server. */
  readonly url: string;
  /** Datacenter to ask for; the agent's own by default. */
  readonly datacenter?: string;
  /** Enterprise. */
  readonly namespace?: string;
  /** Enterprise. */
  readonly partition?: string;
  /** ACL token. */
  readonly token?: string;
  /** File with the ACL token, read anew for each request so that it may be replaced. Overrides `token`. */
  readonly tokenFile?: string;
  readonly tls?: ConsulTls;
}

/** PEM files, and the name that the server's certificate has to have. */
export interface ConsulTls {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
}

/** One answer. */
export interface ConsulAnswer {
  readonly body: unknown;
  /** What a blocking query waits behind next; undefined: don't wait, ask anew. */
  readonly index: number | undefined;
  /** The token may not see everything. */
  readonly isFiltered: boolean;
}

/** Bounds of one client. */
export interface ConsulLimits {
  /** How long a blocking query may wait, in milliseconds. Consul's own default is 5 minutes; a dead peer shows sooner with one. */
  readonly waitMs: number;
  /** Grace for an answer beyond the wait and Consul's own jitter of a sixteenth of it. */
  readonly answerMs: number;
  /** Of one answer: 10,000 instances of one service are some 15 MB. */
  readonly maxAnswerBytes: number;
}

const defaultLimits: ConsulLimits = { waitMs: 60_000, answerMs: 10_000, maxAnswerBytes: 64 << 20 };

/** See the file's first line. */
export class ConsulClient {
  readonly #access: ConsulAccess;
  readonly #limits: ConsulLimits;
  readonly #base: URL;
  readonly #plainAgent = new HttpAgent({ keepAlive: true });
  #tlsAgent: HttpsAgent | undefined;

  /** Throws MeshError `usage` when the URL is none. */
  constructor(access: ConsulAccess, limits: Partial<ConsulLimits> = {}) {
    this.#access = access;
    this.#limits = { ...defaultLimits, ...limits };
    this.#base = consulUrl(access.url);
  }

  /**
   * GET of `path`, such as `/v1/catalog/services`. With `after`, the index of the last answer, Consul answers when something has
   * changed since, or `waitMs` are over. Rejects with MeshError: `forbidden` (the token), `unavailable` (no answer, no leader, an
   * error of Consul's), `invalid` (a request or an answer that makes no sense).
   */
  async get(path: string, { signal, after, waitMs = this.#limits.waitMs }: ConsulQuery): Promise<ConsulAnswer> {
    const url = new URL(this.#base.pathname.replace(/\/$/, '') + path, this.#base);
    const { datacenter, namespace, partition } = this.#access;
    for (const [name, value] of Object.entries({ dc: datacenter, ns: namespace, partition }))
      if (value !== undefined) url.searchParams.set(name, value);
    if (after !== undefined) {
      url.searchParams.set('index', String(after));
      url.searchParams.set('wait', `${waitMs}ms`);
    }
    const limitMs = Math.ceil(this.#limits.answerMs + (after === undefined ? 0 : waitMs * (1 + 1 / 16)));
    const timeout = AbortSignal.timeout(limitMs);
    try {
      return await this.#read(url, after, AbortSignal.any([signal, timeout]));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MeshError) throw error;
      const why = timeout.aborted ? `no answer within ${Math.round(limitMs)} ms` : reasonOf(error);
      throw new MeshError('unavailable', `Consul at ${this.#base.origin}: ${why}`, { cause: error });
    }
  }

  async #read(url: URL, after: number | undefined, signal: AbortSignal): Promise<ConsulAnswer> {
    const isTls = url.protocol === 'https:';
    if (isTls) this.#tlsAgent ??= await createTlsAgent(this.#access.tls ?? {});
    const agent = isTls ? this.#tlsAgent : this.#plainAgent;
    const options: RequestOptions = { headers: await this.#headers(), signal, ...(agent && { agent }) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (isTls ? requestHttps : requestHttp)(url, options, resolve);
      request.once('error', reject).end();
    });
    const text = await this.#text(response);
    if (response.statusCode !== 200) throw refusal(this.#base.origin, response.statusCode ?? 0, text);
    return {
      body: parse(text, this.#base.origin),
      index: nextIndex(header(response, 'x-consul-index'), after),
      isFiltered: header(response, 'x-consul-results-filtered-by-acls') === 'true',
    };
  }

  async #headers(): Promise<Record<string, string>> {
    const { token, tokenFile } = this.#access;
    let secret = token;
    if (tokenFile !== undefined) {
      secret = (
        await readFile(tokenFile, 'utf8').catch((error) => {
          throw new MeshError('forbidden', `the file with Consul's token can't be read: ${messageOf(error)}`);
        })
      ).trim();
    }
    return { accept: 'application/json', ...(secret && { 'x-consul-token': secret }) };
  }

  async #text(response: IncomingMessage): Promise<string> {
    const { maxAnswerBytes } = this.#limits;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) {
        response.destroy();
        throw new MeshError(
          'exhausted',
          `Consul at ${this.#base.origin}: an answer of more than ${maxAnswerBytes} bytes`,
        );
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

/** How to ask. */
export interface ConsulQuery {
  readonly signal: AbortSignal;
  /** Index of the last answer; absent: answer at once. */
  readonly after?: number | undefined;
  readonly waitMs?: number;
}

/**
 * What to wait behind next (developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details): an index that went
 * backwards (a restored or new Consul) starts anew, and one below 1, which would not block, counts as 1.
 */
export function nextIndex(text: string | undefined, after: number | undefined): number | undefined {
  const index = Number(text);
  if (text === undefined || !Number.isSafeInteger(index)) return undefined;
  if (after !== undefined && index < after) return undefined;
  return Math.max(1, index);
}

/** The URL of Consul. Throws MeshError `usage` for anything else. */
export function consulUrl(text: string): URL {
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hostname === '' || url.username !== '')
    throw new MeshError('usage', 'the address of Consul is no URL; it looks like http://127.0.0.1:8500');
  return url;
}

async function createTlsAgent({ caFile, certFile, keyFile, serverName }: ConsulTls): Promise<HttpsAgent> {
  const read = async (path: string) =>
    await readFile(path).catch((error) => {
      throw new MeshError('unavailable', `a file for TLS with Consul can't be read: ${messageOf(error)}`);
    });
  return new HttpsAgent({
    keepAlive: true,
    ...(caFile && { ca: await read(caFile) }),
    ...(certFile && { cert: await read(certFile) }),
    ...(keyFile && { key: await read(keyFile) }),
    ...(serverName && { servername: serverName }),
  });
}

function refusal(origin: string, status: number, text: string): MeshError {
  const said = text.trim().split('\n')[0]?.slice(0, 200) ?? '';
  const where = `Consul at ${origin}`;
  if (status === 401 || status === 403)
    return new MeshError(
      'forbidden',
      `${where} refuses the ACL token (${status}: ${said}); it needs service:read and node:read on all names: set CONSUL_HTTP_TOKEN or --consul-token-file`,
    );
  if (status === 500 && /no cluster leader/i.test(said)) return new MeshError('unavailable', `${where} has no leader`);
  if (status >= 400 && status < 500 && status !== 429)
    return new MeshError('invalid', `${where} refuses the request (${status}: ${said})`);
  return new MeshError('unavailable', `${where} answered ${status}: ${said}`);
}

function parse(text: string, origin: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MeshError('invalid', `Consul at ${origin} answered something that is no JSON`);
  }
}

function header(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function reasonOf(error: unknown): string {
  // Node gives an AggregateError without a message when each address of a name was refused.
  const code = (error as { readonly code?: unknown } | null)?.code;
  return messageOf(error) || (typeof code === 'string' ? code : 'no connection');
}
