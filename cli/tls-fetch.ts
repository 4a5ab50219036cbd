// `fetch` for HTTPS with a CA and a client certificate of one's own, which the built-in one can't be given.
import { request } from 'node:https';
import { Readable } from 'node:stream';

/** PEM texts. */
export interface TlsMeans {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A `fetch` that takes method, headers, a text body and a signal, and follows no redirects. */
export function tlsFetch(tls: TlsMeans): typeof fetch {
  return async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    return await new Promise<Response>((resolve, reject) => {
      const { signal } = init;
      const headers = Object.fromEntries(new Headers(init.headers));
      const sent = request(url, { ...tls, method: init.method ?? 'GET', headers, ...(signal && { signal }) });
      sent.once('error', reject);
      sent.once('response', (answer) => {
        const status = answer.statusCode ?? 502;
        const received = new Headers();
        for (const [name, value] of Object.entries(answer.headers))
          if (value !== undefined) received.set(name, String(value));
        const hasBody = status !== 204 && status !== 304;
        resolve(
          new Response(hasBody ? (Readable.toWeb(answer) as ReadableStream) : null, { status, headers: received }),
        );
      });
      sent.end(init.body ?? undefined);
    });
  };
}
