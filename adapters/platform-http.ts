// A platform's HTTP API over node:http: answers and endless streams of JSON lines, by TCP, TLS or a unix socket, bounded in time and size.
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { MeshError, messageOf } from '../lib/mesh-error.ts';

/** PEM files, and the name that the server's certificate has to have. */
export interface PlatformTls {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
}

/** Where an API is. */
export interface PlatformAddress {
  /** Of people's messages: `Nomad`, `Docker`. */
  readonly name: string;
  /** `http://HOST:PORT` or `https://…`; with `socketPath` only its path counts. */
  readonly url: URL;
  /** A unix socket. */
  readonly socketPath?: string;
  readonly tls?: PlatformTls;
  /** Headers of each request, such as its token; made anew each time, so that a token may be replaced. */
  readonly headers?: () => Promise<Readonly<Record<string, string>>>;
  /** Reads it instead of PlatformHttp, where credentials are more than headers (Kubernetes). */
  readonly connect?: (address: PlatformAddress) => PlatformReader;
}

/** Bounds of one request. */
export interface RequestBounds {
  readonly signal: AbortSignal;
  /** Until the whole answer is there; of a stream: until it begins. In milliseconds. */
  readonly limitMs: number;
  /** Of the answer, or of one line. 64 MiB by default: tens of thousands of instances are some 15. */
  readonly maxBytes?: number;
  /** Of this request alone, such as what it accepts. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One answer, whatever its status. */
export interface PlatformAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** See RequestBounds.maxBytes. */
const defaultMaxBytes = 64 << 20;

/** What adapters read their platforms with: PlatformHttp, or a recording of one (capture/). Its errors hold no secret. */
export interface PlatformReader {
  /** `Nomad at http://127.0.0.1:4646`. */
  readonly where: string;
  /** GET of `path`. Rejects with MeshError `unavailable` (no answer in time), `exhausted` (too long), `forbidden` (no token to be read). */
  get(path: string, bounds: RequestBounds): Promise<PlatformAnswer>;
  /**
   * GET of `path` that is answered line by line without an end; resolves when it has begun. Any other status than 200 is an answer
   * like `get`'s. The lines end with a MeshError `unavailable` when the server is silent for `silenceMs`, and when it ends them, unless
   * that is its way (Kubernetes).
   */
  lines(
    path: string,
    bounds: RequestBounds & { readonly silenceMs?: number },
  ): Promise<PlatformAnswer | AsyncIterable<string>>;
}

/** Opens a platform. Every adapter over HTTP takes one, so that its platform's answers can be recorded and played. */
export type OpenPlatform = (address: PlatformAddress) => PlatformReader;

/** The platform itself. */
export const openPlatform: OpenPlatform = (address) => address.connect?.(address) ?? new PlatformHttp(address);

/** See PlatformReader. */
export class PlatformHttp implements PlatformReader {
  readonly #address: PlatformAddress;
  readonly #plainAgent = new HttpAgent({ keepAlive: true });
  #tlsAgent: HttpsAgent | undefined;

  constructor(address: PlatformAddress) {
    this.#address = address;
  }

  get where(): string {
    const { name, url, socketPath } = this.#address;
    return `${name} at ${socketPath ?? url.origin}`;
  }

  async get(path: string, bounds: RequestBounds): Promise<PlatformAnswer> {
    return await this.#bounded(bounds, async (signal) => {
      return await this.#answer(await this.#open(path, signal, bounds.headers), bounds.maxBytes);
    });
  }

  async lines(
    path: string,
    { signal, limitMs, silenceMs, maxBytes, headers }: RequestBounds & { readonly silenceMs?: number },
  ): Promise<PlatformAnswer | AsyncIterable<string>> {
    const ended = new AbortController();
    const all = AbortSignal.any([signal, ended.signal]);
    return await this.#bounded({ signal, limitMs }, async (begun) => {
      // The time limit is that of the beginning: `begun` must not end the stream later.
      const giveUp = () => ended.abort(begun.reason);
      begun.addEventListener('abort', giveUp, { once: true });
      try {
        const response = await this.#open(path, all, headers);
        if (response.statusCode === 200) return this.#linesOf(response, { signal, ended, silenceMs, maxBytes });
        return await this.#answer(response, maxBytes);
      } finally {
        begun.removeEventListener('abort', giveUp);
      }
    });
  }

  async *#linesOf(
    response: IncomingMessage,
    options: {
      readonly signal: AbortSignal;
      readonly ended: AbortController;
      readonly silenceMs: number | undefined;
      readonly maxBytes: number | undefined;
    },
  ): AsyncGenerator<string> {
    const { signal, ended, silenceMs, maxBytes } = options;
    const silent = () => ended.abort(new MeshError('unavailable', `${this.where}: silent for ${silenceMs} ms`));
    let timer = silenceMs === undefined ? undefined : setTimeout(silent, silenceMs);
    let rest = '';
    try {
      for await (const chunk of textOf(response)) {
        timer?.refresh();
        const lines = this.#within(rest + chunk, maxBytes).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line.trim() !== '') yield line;
      }
      throw new MeshError('unavailable', `${this.where}: the stream of events ended`);
    } catch (error) {
      signal.throwIfAborted();
      throw ended.signal.aborted ? ended.signal.reason : this.#failure(error);
    } finally {
      clearTimeout(timer);
      timer = undefined;
      response.destroy();
    }
  }

  async #bounded<T>({ signal, limitMs }: RequestBounds, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = AbortSignal.timeout(limitMs);
    try {
      return await work(AbortSignal.any([signal, timeout]));
    } catch (error) {
      signal.throwIfAborted();
      if (timeout.aborted) throw new MeshError('unavailable', `${this.where}: no answer within ${limitMs} ms`);
      throw this.#failure(error);
    }
  }

  async #open(path: string, signal: AbortSignal, own: RequestBounds['headers']): Promise<IncomingMessage> {
    const { url, socketPath, headers } = this.#address;
    const isTls = url.protocol === 'https:' && socketPath === undefined;
    if (isTls) this.#tlsAgent ??= await this.#createTlsAgent();
    const agent = isTls ? this.#tlsAgent : this.#plainAgent;
    const options: RequestOptions = {
      headers: { accept: 'application/json', ...(await headers?.()), ...own },
      signal,
      ...(agent && { agent }),
      ...(socketPath && { socketPath }),
    };
    const target = new URL(url.pathname.replace(/\/$/, '') + path, url);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (isTls ? requestHttps : requestHttp)(target, options, resolve);
      request.once('error', reject).end();
    });
  }

  async #createTlsAgent(): Promise<HttpsAgent> {
    const { name, tls = {} } = this.#address;
    const read = async (path: string) =>
      await readFile(path).catch((error) => {
        throw new MeshError('unavailable', `a file for TLS with ${name} can't be read: ${messageOf(error)}`);
      });
    return new HttpsAgent({
      keepAlive: true,
      ...(tls.caFile && { ca: await read(tls.caFile) }),
      ...(tls.certFile && { cert: await read(tls.certFile) }),
      ...(tls.keyFile && { key: await read(tls.keyFile) }),
      ...(tls.serverName && { servername: tls.serverName }),
    });
  }

  async #answer(response: IncomingMessage, maxBytes: number | undefined): Promise<PlatformAnswer> {
    let text = '';
    for await (const chunk of textOf(response)) text = this.#within(text + chunk, maxBytes);
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  }

  #within(text: string, maxBytes = defaultMaxBytes): string {
    if (text.length > maxBytes)
      throw new MeshError('exhausted', `${this.where}: an answer of more than ${maxBytes} bytes`);
    return text;
  }

  #failure(error: unknown): MeshError {
    if (error instanceof MeshError) return error;
    // Node gives an AggregateError without a message when each address of a name was refused.
    const code = (error as { readonly code?: unknown } | null)?.code;
    const why = messageOf(error) || (typeof code === 'string' ? code : 'no connection');
    return new MeshError('unavailable', `${this.where}: ${why}`, { cause: error });
  }
}

/** The URL of a platform; `example` is what it looks like. Throws MeshError `usage` for anything else, without repeating what may be a password. */
export function platformUrl(text: string, name: string, example: string): URL {
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hostname === '' || url.username !== '')
    throw new MeshError('usage', `the address of ${name} is no URL; it looks like ${example}`);
  return url;
}

/** A token by itself, or in a file that is read anew each time. */
export interface PlatformToken {
  readonly token?: string;
  /** Overrides `token`. */
  readonly tokenFile?: string;
}

/** The header `header` with the token of platform `name`; none without one. Rejects with MeshError `forbidden` when the file can't be read. */
export async function tokenHeader(
  header: string,
  name: string,
  { token, tokenFile }: PlatformToken,
): Promise<Readonly<Record<string, string>>> {
  if (tokenFile === undefined) return token ? { [header]: token } : {};
  const secret = await readFile(tokenFile, 'utf8').catch((error) => {
    throw new MeshError('forbidden', `the file with ${name}'s token can't be read: ${messageOf(error)}`);
  });
  return secret.trim() === '' ? {} : { [header]: secret.trim() };
}

/** The JSON in an answer. Throws MeshError `invalid`, naming `where`. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MeshError('invalid', `${where} answered something that is no JSON`);
  }
}

/** What an answer's first line says, shortened, for messages. */
export function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 200) ?? '';
}

function textOf(response: IncomingMessage): AsyncIterable<string> {
  response.setEncoding('utf8');
  return response as AsyncIterable<string>;
}
