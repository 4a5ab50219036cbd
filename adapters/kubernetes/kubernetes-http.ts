// The Kubernetes API over HTTP/1.1 on the seam of all platforms: answers, watches line by line, patches. Credentials may change at any time.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { messageOf } from '../../lib/mesh-error.ts';
import type { PlatformAddress, PlatformAnswer, PlatformReader, RequestBounds } from '../platform-http.ts';
import { type ClusterAccess, currentClient, currentCredential } from './access.ts';
import { ApiError } from './api-error.ts';
import type { Credential } from './exec-credentials.ts';

/** One request. */
interface Sent extends RequestBounds {
  /** Body of a PATCH; a GET without. */
  readonly patch?: string;
}

/** An answer of 500 objects of the largest size that etcd takes is refused, one of 500 usual ones is 5 MB. */
const defaultMaxBytes = 256 << 20;

/** `address` of `access`: its credentials are asked for anew for each request, as a header or a certificate. */
export function addressOf(access: ClusterAccess): PlatformAddress {
  return {
    name: 'Kubernetes',
    url: new URL(access.server),
    headers: async () => {
      const { token } = await currentCredential(access);
      return token ? { authorization: `Bearer ${token}` } : {};
    },
    connect: (address) => new KubernetesHttp(access, address),
  };
}

/** See the file's first line. Rejects with ApiError of status 0 where there was no answer; a limit of time is for the next part of an answer. */
export class KubernetesHttp implements PlatformReader {
  readonly where: string;
  readonly #access: ClusterAccess;
  readonly #address: PlatformAddress;
  #agent: HttpAgent | HttpsAgent;
  /** Certificate that the agent's connections show. */
  #client: Credential['client'];

  constructor(access: ClusterAccess, address: PlatformAddress = addressOf(access)) {
    this.where = access.server;
    this.#access = access;
    this.#address = address;
    this.#client = access.client;
    this.#agent = this.#newAgent();
  }

  async get(path: string, bounds: RequestBounds): Promise<PlatformAnswer> {
    return await this.#answer(await this.#open(path, bounds), bounds);
  }

  /** Merges `patch` into the object or status at `path` (RFC 7386). */
  async patch(path: string, patch: string, bounds: RequestBounds): Promise<PlatformAnswer> {
    return await this.#answer(await this.#open(path, { ...bounds, patch }), bounds);
  }

  /** The lines end without an error when the server ends them in order, as it does with every watch after some minutes. */
  async lines(
    path: string,
    bounds: RequestBounds & { readonly silenceMs?: number },
  ): Promise<PlatformAnswer | AsyncIterable<string>> {
    const response = await this.#open(path, bounds);
    if (response.statusCode !== 200) return await this.#answer(response, bounds);
    return this.#linesOf(response, path, bounds);
  }

  /** Closes every connection. */
  close(): void {
    this.#agent.destroy();
  }

  #newAgent(): HttpAgent | HttpsAgent {
    if (this.#address.url.protocol === 'http:') return new HttpAgent({ keepAlive: true });
    const { authority, insecure, serverName } = this.#access;
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

  async #open(path: string, { signal, limitMs, headers, patch }: Sent): Promise<IncomingMessage> {
    signal.throwIfAborted();
    const base = this.#address.url;
    const credential = { ...(await this.#address.headers?.()) };
    const agent = this.#agentFor(await currentClient(this.#access));
    const url = new URL(`${base.pathname.replace(/\/+$/, '')}${path}`, base);
    const send = url.protocol === 'http:' ? requestHttp : requestHttps;
    const request = send(url, {
      method: patch === undefined ? 'GET' : 'PATCH',
      agent,
      headers: { accept: 'application/json', 'user-agent': 'periplus', ...credential, ...headers },
      signal,
    });
    const patience = setTimeout(() => request.destroy(new ApiError(0, `no answer within ${limitMs} ms`)), limitMs);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      // Stays: later errors of the connection come out of reading the response.
      request.on('error', reject);
      request.end(patch);
    })
      .catch((error: unknown) => {
        throw this.#failure(error, signal);
      })
      .finally(() => clearTimeout(patience));
  }

  async #answer(response: IncomingMessage, { signal, limitMs, maxBytes }: RequestBounds): Promise<PlatformAnswer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const bound = maxBytes ?? defaultMaxBytes;
    const giveUp = () => response.destroy(new ApiError(0, `no more of an answer within ${limitMs} ms`));
    const patience = setTimeout(giveUp, limitMs);
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        patience.refresh();
        bytes += chunk.length;
        if (bytes > bound) throw new ApiError(0, `an answer is larger than ${bound} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      clearTimeout(patience);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  }

  async *#linesOf(
    response: IncomingMessage,
    path: string,
    { signal, silenceMs, maxBytes = defaultMaxBytes }: RequestBounds & { readonly silenceMs?: number },
  ): AsyncGenerator<string> {
    response.socket.setKeepAlive(true, 30_000);
    const silent = () => response.destroy(new ApiError(0, `the watch was silent for ${silenceMs} ms`));
    const silence = silenceMs === undefined ? undefined : setTimeout(silent, silenceMs);
    let rest: Buffer[] = [];
    let restBytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        silence?.refresh();
        let start = 0;
        for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
          rest.push(chunk.subarray(start, end));
          const line = (rest.length === 1 ? rest[0] : Buffer.concat(rest))?.toString('utf8') ?? '';
          rest = [];
          restBytes = 0;
          start = end + 1;
          if (line.trim() !== '') yield line;
        }
        if (start < chunk.length) rest.push(chunk.subarray(start));
        restBytes += chunk.length - start;
        if (restBytes > maxBytes) throw new ApiError(0, `an event of ${path} is larger than ${maxBytes} bytes`);
      }
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      clearTimeout(silence);
      response.destroy();
    }
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof ApiError) return error;
    return new ApiError(0, `${this.#access.server} can't be reached: ${reasonOf(error)}`, { cause: error });
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
