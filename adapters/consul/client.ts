// Consul's HTTP API: reads and blocking queries, bounded in time and size. Its errors hold no secret.
import { MeshError } from '../../lib/mesh-error.ts';
import {
  firstLine,
  openPlatform,
  type PlatformAnswer,
  type PlatformReader,
  type PlatformTls,
  parseJson,
  platformUrl,
  tokenHeader,
} from '../platform-http.ts';

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
  readonly tls?: PlatformTls;
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
  readonly #http: PlatformReader;

  /** Throws MeshError `usage` when the URL is none. */
  constructor(access: ConsulAccess, limits: Partial<ConsulLimits> = {}, open = openPlatform) {
    this.#access = access;
    this.#limits = { ...defaultLimits, ...limits };
    this.#http = open({
      name: 'Consul',
      url: consulUrl(access.url),
      ...(access.tls && { tls: access.tls }),
      headers: () => tokenHeader('x-consul-token', 'Consul', access),
    });
  }

  /**
   * GET of `path`, such as `/v1/catalog/services`. With `after`, the index of the last answer, Consul answers when something has
   * changed since, or `waitMs` are over. Rejects with MeshError: `forbidden` (the token), `unavailable` (no answer, no leader, an
   * error of Consul's), `invalid` (a request or an answer that makes no sense).
   */
  async get(path: string, { signal, after, waitMs = this.#limits.waitMs }: ConsulQuery): Promise<ConsulAnswer> {
    const { datacenter, namespace, partition } = this.#access;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ dc: datacenter, ns: namespace, partition }))
      if (value !== undefined) query.set(name, value);
    if (after !== undefined) {
      query.set('index', String(after));
      query.set('wait', `${waitMs}ms`);
    }
    const limitMs = Math.ceil(this.#limits.answerMs + (after === undefined ? 0 : waitMs * (1 + 1 / 16)));
    const bounds = { signal, limitMs, maxBytes: this.#limits.maxAnswerBytes };
    const answer = await this.#http.get(query.size === 0 ? path : `${path}?${query.toString()}`, bounds);
    if (answer.status !== 200) throw this.#refusal(answer);
    return {
      body: parseJson(answer.text, this.#http.where),
      index: nextIndex(header(answer, 'x-consul-index'), after),
      isFiltered: header(answer, 'x-consul-results-filtered-by-acls') === 'true',
    };
  }

  #refusal({ status, text }: PlatformAnswer): MeshError {
    const { where } = this.#http;
    const said = firstLine(text);
    if (status === 401 || status === 403)
      return new MeshError(
        'forbidden',
        `${where} refuses the ACL token (${status}: ${said}); it needs service:read and node:read on all names: set CONSUL_HTTP_TOKEN or --consul-token-file`,
      );
    if (status === 500 && /no cluster leader/i.test(said))
      return new MeshError('unavailable', `${where} has no leader`);
    if (status >= 400 && status < 500 && status !== 429)
      return new MeshError('invalid', `${where} refuses the request (${status}: ${said})`);
    return new MeshError('unavailable', `${where} answered ${status}: ${said}`);
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
  return platformUrl(text, 'Consul', 'http://127.0.0.1:8500');
}

function header({ headers }: PlatformAnswer, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
