// The Docker engine's HTTP API as far as it is read: the list of containers and the stream of events. Two GETs, nothing else.
import { resolve } from 'node:path';
import { MeshError } from '../../lib/mesh-error.ts';
import {
  firstLine,
  openPlatform,
  type PlatformAddress,
  type PlatformReader,
  type PlatformTls,
  parseJson,
} from '../platform-http.ts';
import { type DockerContainer, type DockerEvent, isContainers, isEvent } from './docker-types.ts';

/** Where an engine is. */
export interface DockerAccess {
  /** `unix:///var/run/docker.sock`, a path, `tcp://HOST:PORT` or `https://HOST:PORT`. */
  readonly address: string;
  readonly tls?: PlatformTls;
}

/** Where the engine listens unless it is told otherwise (docs.docker.com/reference/cli/dockerd). */
export const defaultDockerAddress = 'unix:///var/run/docker.sock';

/** What changes the list: not the `exec_*` events of health checks, which come all the time. */
const filters = JSON.stringify({
  type: ['container', 'network'],
  event: [
    ...['create', 'start', 'die', 'destroy', 'health_status', 'pause', 'unpause', 'rename', 'update'],
    ...['connect', 'disconnect'],
  ],
});

/** See the file's first line. */
export class DockerClient {
  readonly #http: PlatformReader;
  readonly #answerMs: number;

  /** `answerMs`: how long an answer may take; an engine that starts many containers is slow. Throws MeshError `usage` for a wrong address. */
  constructor({ address, tls }: DockerAccess, answerMs = 10_000, open = openPlatform) {
    this.#http = open({ name: 'Docker', ...dockerPlace(address, tls !== undefined), ...(tls && { tls }) });
    this.#answerMs = answerMs;
  }

  /** Every container, those that don't run too. Rejects with MeshError `unavailable`, `forbidden` or `invalid`. */
  async containers(signal: AbortSignal): Promise<readonly DockerContainer[]> {
    const answer = await this.#http.get('/containers/json?all=true', { signal, limitMs: this.#answerMs });
    if (answer.status !== 200) throw this.#refusal(answer.status, answer.text);
    const body = parseJson(answer.text, this.#http.where);
    if (!isContainers(body)) throw new MeshError('invalid', `${this.#http.where} answered no list of containers`);
    return body;
  }

  /**
   * The events after `since` (Unix time, `SECONDS.NANOSECONDS`), of which the engine keeps the last 256 of its life, then those to
   * come. Resolves when the engine has begun to answer; the iteration rejects when the stream breaks.
   */
  async events(since: string, signal: AbortSignal): Promise<AsyncIterable<DockerEvent>> {
    const query = new URLSearchParams({ since, filters });
    const answer = await this.#http.lines(`/events?${query.toString()}`, { signal, limitMs: this.#answerMs });
    if ('status' in answer) throw this.#refusal(answer.status, answer.text);
    return this.#read(answer);
  }

  async *#read(lines: AsyncIterable<string>): AsyncGenerator<DockerEvent> {
    for await (const line of lines) {
      const event = parseJson(line, this.#http.where);
      if (isEvent(event)) yield event;
    }
  }

  #refusal(status: number, text: string): MeshError {
    const said = `${this.#http.where} answered ${status}: ${firstLine(text)}`;
    if (status === 401 || status === 403)
      return new MeshError(
        'forbidden',
        `${said}; reading needs GET /containers/json and GET /events, of a proxy before the socket too`,
      );
    return new MeshError(status >= 500 ? 'unavailable' : 'invalid', said);
  }
}

/** Where `address` leads, as DOCKER_HOST is written. Throws MeshError `usage`. */
export function dockerPlace(address: string, isTls = false): Pick<PlatformAddress, 'url' | 'socketPath'> {
  const local = new URL('http://docker');
  if (/^(unix:\/\/)?\//.test(address)) return { url: local, socketPath: resolve(address.replace(/^unix:\/\//, '')) };
  const text = address.replace(/^tcp:\/\//, isTls ? 'https://' : 'http://');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hostname === '' || url.username !== '')
    throw new MeshError(
      'usage',
      `--docker "${address}" is no address of an engine: give unix:///var/run/docker.sock or tcp://HOST:2376`,
    );
  return { url };
}
