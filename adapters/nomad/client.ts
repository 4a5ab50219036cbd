// Nomad's HTTP API as far as it is read: services, allocations, jobs, checks and the event stream. GETs only; its errors hold no secret.
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
import {
  isEvents,
  isIdentified,
  isRegistrations,
  isServiceList,
  type NomadAllocation,
  type NomadChecks,
  type NomadEvents,
  type NomadJob,
  type NomadRegistration,
} from './nomad-types.ts';

/** Where Nomad is and who asks. */
export interface NomadAccess {
  /** `http://HOST:PORT` or `https://…`, of any agent. */
  readonly url: string;
  /** Region to ask for; the agent's own by default. */
  readonly region?: string;
  /** `*`, all that the token may read, by default. */
  readonly namespace?: string;
  /** ACL token. */
  readonly token?: string;
  /** File with the ACL token, read anew for each request so that it may be replaced. Overrides `token`. */
  readonly tokenFile?: string;
  readonly tls?: PlatformTls;
}

/** Bounds of one client, in milliseconds. */
export interface NomadLimits {
  /** Of an answer, or of a stream's beginning. */
  readonly answerMs: number;
  /** A stream without even a heartbeat (Nomad sends one every 10 s) is taken for dead. */
  readonly silenceMs: number;
}

const defaultLimits: NomadLimits = { answerMs: 10_000, silenceMs: 35_000 };

const needs =
  'it needs list-jobs and read-job in every namespace it is to see (`namespace "*"`): set NOMAD_TOKEN or --nomad-token-file';

/** A service by its two names. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** See the file's first line. All reject with MeshError: `unavailable`, `forbidden` (the token), `invalid`. */
export class NomadClient {
  readonly #access: NomadAccess;
  readonly #limits: NomadLimits;
  readonly #http: PlatformReader;

  /** Throws MeshError `usage` when the URL is none. */
  constructor(access: NomadAccess, limits: Partial<NomadLimits> = {}, open = openPlatform) {
    this.#access = access;
    this.#limits = { ...defaultLimits, ...limits };
    this.#http = open({
      name: 'Nomad',
      url: nomadUrl(access.url),
      ...(access.tls && { tls: access.tls }),
      headers: () => tokenHeader('x-nomad-token', 'Nomad', access),
    });
  }

  /** Every service with an instance, and the index of that answer. */
  async services(signal: AbortSignal): Promise<{ readonly names: readonly ServiceName[]; readonly index: number }> {
    const answer = await this.#get('/v1/services', {}, signal);
    const body = this.#json(answer, isServiceList, 'list of services');
    const names = body.flatMap(({ Namespace: namespace, Services }) =>
      Services.map(({ ServiceName: name }) => ({ namespace, name })),
    );
    const index = Number(answer.headers['x-nomad-index']);
    return { names, index: Number.isSafeInteger(index) ? index : 0 };
  }

  /** The instances of one service; none when it went meanwhile. */
  async instances({ namespace, name }: ServiceName, signal: AbortSignal): Promise<readonly NomadRegistration[]> {
    const answer = await this.#get(`/v1/service/${encodeURIComponent(name)}`, { namespace }, signal, [200, 404]);
    return answer.status === 404 ? [] : this.#json(answer, isRegistrations, `list of instances of ${name}`);
  }

  /** Every allocation. */
  async allocations(signal: AbortSignal): Promise<readonly NomadAllocation[]> {
    return this.#json(await this.#get('/v1/allocations', {}, signal), isIdentified, 'list of allocations');
  }

  /** Every job, with its meta where this Nomad gives it (1.6 and later). */
  async jobs(signal: AbortSignal): Promise<readonly NomadJob[]> {
    return this.#json(await this.#get('/v1/jobs', { meta: 'true' }, signal), isIdentified, 'list of jobs');
  }

  /** The states of an allocation's checks, by name; undefined when its node can't be asked. Nomad's servers don't know them. */
  async checks(id: string, namespace: string, signal: AbortSignal): Promise<NomadChecks | undefined> {
    try {
      const answer = await this.#get(`/v1/client/allocation/${id}/checks`, { namespace }, signal);
      const isChecks = (body: unknown): body is NomadChecks =>
        typeof body === 'object' && body !== null && !Array.isArray(body);
      return this.#json(answer, isChecks, 'checks');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MeshError) return undefined;
      throw error;
    }
  }

  /**
   * The events from `index` on, then those to come; lines without events are heartbeats. Nomad starts at the oldest it has when
   * `index` is older, without a word. Resolves when it has begun to answer; the iteration rejects when the stream breaks or falls silent.
   */
  async events(index: number, signal: AbortSignal): Promise<AsyncIterable<NomadEvents>> {
    const query = new URLSearchParams(this.#scope({ index: String(index) }));
    for (const topic of ['Service', 'Allocation', 'Job']) query.append('topic', topic);
    const { answerMs, silenceMs } = this.#limits;
    const answer = await this.#http.lines(`/v1/event/stream?${query.toString()}`, {
      signal,
      limitMs: answerMs,
      silenceMs,
    });
    if ('status' in answer) throw this.#refusal(answer);
    return this.#read(answer);
  }

  async *#read(lines: AsyncIterable<string>): AsyncGenerator<NomadEvents> {
    for await (const line of lines) {
      const events = parseJson(line, this.#http.where);
      if (!isEvents(events)) throw new MeshError('invalid', `${this.#http.where} sent something that is no event`);
      yield events;
    }
  }

  async #get(
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    good: readonly number[] = [200],
  ): Promise<PlatformAnswer> {
    const bounds = { signal, limitMs: this.#limits.answerMs };
    const answer = await this.#http.get(`${path}?${new URLSearchParams(this.#scope(query)).toString()}`, bounds);
    if (!good.includes(answer.status)) throw this.#refusal(answer);
    return answer;
  }

  #scope(query: Readonly<Record<string, string>>): Record<string, string> {
    const { namespace = '*', region } = this.#access;
    return { namespace, ...(region !== undefined && { region }), ...query };
  }

  #json<T>({ text }: PlatformAnswer, is: (body: unknown) => body is T, what: string): T {
    const body = parseJson(text, this.#http.where);
    if (!is(body)) throw new MeshError('invalid', `${this.#http.where} answered no ${what}`);
    return body;
  }

  #refusal({ status, text }: PlatformAnswer): MeshError {
    const where = this.#http.where;
    const said = firstLine(text);
    if (status === 401 || status === 403)
      return new MeshError('forbidden', `${where} refuses the ACL token (${status}: ${said}); ${needs}`);
    if (/no cluster leader/i.test(said)) return new MeshError('unavailable', `${where} has no leader`);
    const isRefused = status >= 400 && status < 500 && status !== 429;
    return new MeshError(isRefused ? 'invalid' : 'unavailable', `${where} answered ${status}: ${said}`);
  }
}

/** The URL of Nomad. Throws MeshError `usage` for anything else. */
export function nomadUrl(text: string): URL {
  return platformUrl(text, 'Nomad', 'http://127.0.0.1:4646');
}
