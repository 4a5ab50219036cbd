// Server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html): writing them to a response, reading them from a stream.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** One event of a stream. `data` is JSON text. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data: string;
}

/** The wire form of an event. */
export function formatServerSentEvent(event: ServerSentEvent): string {
  const head =
    (event.id === undefined ? '' : `id: ${event.id}\n`) + (event.event === undefined ? '' : `event: ${event.event}\n`);
  return `${head}${event.data
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;
}

/**
 * Parses a stream of text chunks, however they are cut. Comments (keep-alives) are dropped; an event is yielded at its blank line;
 * an unfinished one at the end is dropped, as the specification says. At most `maxEventBytes` characters are held (default 32 MiB).
 */
export async function* readServerSentEvents(
  chunks: AsyncIterable<string>,
  options: { readonly maxEventBytes?: number } = {},
): AsyncGenerator<ServerSentEvent> {
  const maxEventBytes = options.maxEventBytes ?? 32 * 1024 * 1024;
  let rest = '';
  let fields: { id?: string; event?: string; data: string[] } = { data: [] };
  for await (const chunk of chunks) {
    rest += chunk;
    if (rest.length > maxEventBytes) throw new Error('a server-sent event is too large');
    const lines = rest.split(/\r\n|\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') addField(fields, line);
      else {
        if (fields.data.length > 0) yield { ...fields, data: fields.data.join('\n') };
        fields = { data: [] };
      }
    }
  }
}

function addField(fields: { id?: string; event?: string; data: string[] }, line: string): void {
  const colon = line.indexOf(':');
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'data') fields.data.push(value);
  else if (name === 'event') fields.event = value;
  else if (name === 'id') fields.id = value;
}

/** How often an idle stream sends a comment, so that intermediaries and clients know that it lives. */
export const keepAliveMs = 15_000;

/** The sending end of one response. Obeys back-pressure: `send` resolves when the client can take more, or has gone. */
export class ServerSentEventStream {
  readonly #response: ServerResponse;
  readonly #closed = new AbortController();
  readonly #keepAlive: NodeJS.Timeout;

  constructor(response: ServerResponse, signal: AbortSignal) {
    this.#response = response;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    const close = () => this.#closed.abort();
    response.once('close', close);
    response.once('error', close);
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true, signal: this.#closed.signal });
    this.#keepAlive = setInterval(() => response.write(': keep-alive\n\n'), keepAliveMs);
    this.#keepAlive.unref();
    this.#closed.signal.addEventListener('abort', () => clearInterval(this.#keepAlive), { once: true });
  }

  /** Aborts when the client has gone or the server stops. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  async send(event: ServerSentEvent): Promise<void> {
    if (this.signal.aborted) return;
    if (this.#response.write(formatServerSentEvent(event))) return;
    await once(this.#response, 'drain', { signal: this.signal }).catch(() => {});
  }

  end(): void {
    this.#closed.abort();
    this.#response.end();
  }
}
