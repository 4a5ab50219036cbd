// One HTTP request on a connection of its own. Not fetch: that refuses ports which browsers must not use, and people's apps do.
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  /** UTF-8 text, cut at `maxBytes`. */
  readonly body: string;
}

/** How to ask; every field has a default. */
export interface HttpRequestOptions {
  /** Default GET. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** For the whole exchange. Default 3,000. */
  readonly timeoutMs?: number;
  /** Default 64 MiB: more than any proxy's metrics or configuration. */
  readonly maxBytes?: number;
}

/**
 * Follows no redirects. A server's certificate is not checked, as kubelet's probes do not: the answer says whether something
 * is well, and no secret is sent. Rejects with the system's error, or with a TimeoutError.
 */
export function httpRequest(url: string, options: HttpRequestOptions = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, timeoutMs = 3_000, maxBytes = 64 * 1024 * 1024 } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(signal.aborted ? signal.reason : error);
    const settings = { method, headers, signal, agent: false as const };
    const outgoing = url.startsWith('https:')
      ? requestTls(url, { ...settings, rejectUnauthorized: false })
      : requestPlain(url, settings);
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const done = () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= maxBytes) chunks.push(chunk);
        else {
          done();
          response.destroy();
        }
      });
      response.on('error', fail);
      response.on('end', done);
    });
    outgoing.end();
  });
}
