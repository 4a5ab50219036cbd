// Talks to the admin API: requests with clear errors, and streams that resume where they broke off.
import { MeshError, type MeshErrorCode, messageOf } from '../lib/mesh-error.ts';
import type { RotationDecision } from '../services/citadel/ca/rotation.ts';
import type { Role } from '../services/pilot/admin/auth/caller.ts';
import type { TokenRecord } from '../services/pilot/admin/auth/token-store.ts';
import type { BanResponse } from '../services/pilot/admin/routes-bans.ts';
import type { ReleaseResponse } from '../services/pilot/admin/routes-losses.ts';
import type { NewTokenAnswer } from '../services/pilot/admin/routes-tokens.ts';
import type { ApiError, ApplyRequest, ChangeResponse, DeleteRequest } from '../services/pilot/admin/schemas.ts';
import { readServerSentEvents, type ServerSentEvent } from '../services/pilot/admin/server-sent-events.ts';
import type { Credentials } from './credentials.ts';
import { RejectedError } from './failure.ts';
import { tlsFetch } from './tls-fetch.ts';

/** Where the admin API listens unless told otherwise. */
export const defaultServer = 'http://127.0.0.1:15015';

/** Values of a query string; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** A client of one admin API. Every method throws MeshError: `unavailable` when it can't be reached, else the API's own code. */
export class AdminClient {
  readonly server: string;
  readonly #fetch: typeof fetch | undefined;
  readonly #credentials: () => Promise<Credentials>;
  readonly #signal: AbortSignal;

  constructor(options: {
    readonly server: string;
    readonly signal: AbortSignal;
    /** Read once, when the first request needs them. Default: none. */
    readonly credentials?: () => Promise<Credentials>;
    readonly fetch?: typeof fetch;
  }) {
    this.server = normalizeServer(options.server);
    this.#fetch = options.fetch;
    let read: Promise<Credentials> | undefined;
    this.#credentials = () => (read ??= options.credentials?.() ?? Promise.resolve({}));
    this.#signal = options.signal;
  }

  /** GET that gives JSON. `path` starts with `/`. */
  async get<Answer>(path: string, query: Query = {}): Promise<Answer> {
    return (await (await this.#send(path + queryString(query), {})).json()) as Answer;
  }

  apply(request: ApplyRequest): Promise<ChangeResponse> {
    return this.#post('/api/v1/apply', request);
  }

  delete(request: DeleteRequest): Promise<ChangeResponse> {
    return this.#post('/api/v1/delete', request);
  }

  /** Has what adapters keep though it vanished deregistered. */
  releaseLosses(request: {
    readonly platform?: string;
    readonly instance?: string;
    readonly actor: string;
  }): Promise<ReleaseResponse> {
    return this.#post('/api/v1/losses/release', request);
  }

  /** Takes the next step of a rotation of the CA's key, or says what it waits for. */
  rotateCa(actor: string): Promise<RotationDecision> {
    return this.#post('/api/v1/ca/rotate', { actor });
  }

  /** A one-time join token. */
  createJoinToken(request: {
    readonly spiffeId: string;
    readonly lifeSeconds?: number;
    readonly actor: string;
  }): Promise<{ readonly token: string; readonly expiresAt: string }> {
    return this.#post('/api/v1/join-tokens', request);
  }

  /** Bans an identity or lifts its ban. */
  changeBan(
    request: { readonly spiffeId: string; readonly reason?: string; readonly actor: string },
    banned: boolean,
  ): Promise<BanResponse> {
    return this.#post(banned ? '/api/v1/bans' : '/api/v1/bans/lift', request);
  }

  /** A JWT-SVID in a workload's name. */
  mintJwtSvid(request: {
    readonly spiffeId: string;
    readonly audience: readonly string[];
    readonly lifeSeconds?: number;
    readonly actor: string;
  }): Promise<{ readonly token: string; readonly expiresAt: string }> {
    return this.#post('/api/v1/jwt-svids', request);
  }

  /** A new token of the admin API, shown this once. */
  createAdminToken(request: {
    readonly name: string;
    readonly role: Role;
    readonly lifeSeconds?: number;
    readonly actor: string;
  }): Promise<NewTokenAnswer> {
    return this.#post('/api/v1/tokens', request);
  }

  async adminTokens(): Promise<readonly TokenRecord[]> {
    return (await this.get<{ readonly items: readonly TokenRecord[] }>('/api/v1/tokens')).items;
  }

  async revokeAdminToken(name: string): Promise<void> {
    await this.#send(`/api/v1/tokens/${encodeURIComponent(name)}`, { method: 'DELETE' });
  }

  /** One stream of server-sent events, until it ends. `after` resumes behind an event id. */
  async *stream(
    path: string,
    query: Query,
    options: { readonly after?: string } = {},
  ): AsyncGenerator<ServerSentEvent> {
    const headers = {
      accept: 'text/event-stream',
      ...(options.after === undefined ? {} : { 'last-event-id': options.after }),
    };
    const response = await this.#send(path + queryString(query), { headers }, { stream: true });
    if (response.body === null) return;
    try {
      yield* readServerSentEvents(response.body.pipeThrough(new TextDecoderStream()));
    } catch (error) {
      if (this.#signal.aborted) return;
      throw new MeshError('unavailable', `the connection to ${this.server} broke: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async #post<Answer>(path: string, body: unknown): Promise<Answer> {
    const headers = { 'content-type': 'application/json' };
    return (await (await this.#send(path, { method: 'POST', headers, body: JSON.stringify(body) })).json()) as Answer;
  }

  async #send(path: string, init: RequestInit, options: { readonly stream?: boolean } = {}): Promise<Response> {
    const timeout = options.stream ? [] : [AbortSignal.timeout(requestTimeoutMs)];
    const { token, ...tls } = await this.#credentials();
    const ownTls = this.server.startsWith('https:') && Object.keys(tls).length > 0;
    const send = this.#fetch ?? (ownTls ? tlsFetch(tls) : fetch);
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    let response: Response;
    try {
      response = await send(this.server + path, {
        ...init,
        headers,
        signal: AbortSignal.any([this.#signal, ...timeout]),
      });
    } catch (error) {
      throw unreachable(this.server, error);
    }
    if (response.ok) return response;
    throw await errorOf(response, this.server);
  }
}

/** Longer than any plain request should take: a cold `at` folds a large log. */
const requestTimeoutMs = 120_000;

/** Adds the scheme that people leave out and drops a final slash. Throws MeshError `usage` for anything that is no URL. */
export function normalizeServer(server: string): string {
  const text = /^https?:\/\//.test(server) ? server : `http://${server}`;
  if (!URL.canParse(text))
    throw new MeshError('usage', `--server "${server}" is not a URL; it looks like ${defaultServer}`);
  return text.replace(/\/+$/, '');
}

function queryString(query: Query): string {
  const entries = Object.entries(query).filter(
    (entry): entry is [string, string | number | boolean] => entry[1] !== undefined,
  );
  return entries.length === 0
    ? ''
    : `?${new URLSearchParams(entries.map(([name, value]): [string, string] => [name, String(value)])).toString()}`;
}

function unreachable(server: string, error: unknown): MeshError {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new MeshError('unavailable', `${server} did not answer within ${requestTimeoutMs / 1000} s`, {
      cause: error,
    });
  }
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
  const why = cause === '' ? messageOf(error) : cause;
  return new MeshError(
    'unavailable',
    `no Periplus answers at ${server} (${why})\n  start one with "periplus up" (with a demo mesh) or "periplus serve",\n  or name another with --server URL or PERIPLUS_SERVER`,
    { cause: error },
  );
}

const codes: ReadonlySet<string> = new Set<MeshErrorCode>([
  'invalid',
  'conflict',
  'not-found',
  'unavailable',
  'corrupt',
  'exhausted',
  'unauthenticated',
  'forbidden',
]);

async function errorOf(response: Response, server: string): Promise<MeshError> {
  const text = await response.text().catch(() => '');
  const body = parseError(text);
  if (body === undefined) {
    return new MeshError(
      'unavailable',
      `${server} answered ${response.status} but does not seem to be Periplus's admin API`,
    );
  }
  const code = codes.has(body.code) ? (body.code as MeshErrorCode) : 'invalid';
  return new RejectedError(code, body.message, body.problems);
}

function parseError(text: string): ApiError | undefined {
  try {
    const body = JSON.parse(text) as Partial<ApiError> | null;
    if (typeof body?.code !== 'string' || typeof body.message !== 'string') return undefined;
    return { code: body.code, message: body.message, problems: Array.isArray(body.problems) ? body.problems : [] };
  } catch {
    return undefined;
  }
}
