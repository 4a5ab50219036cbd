// A steady stream of HTTPS requests at a fixed rate: HTTP/1.1 or HTTP/2, over connections that are kept or over a new one each time.
import { type ClientHttp2Session, connect as http2Connect } from 'node:http2';
import { Agent, request } from 'node:https';
import type { ConnectionOptions } from 'node:tls';

/** What is sent, and how. */
export interface TlsLoadOptions {
  readonly port: number;
  /** SNI and Host. */
  readonly host: string;
  readonly path?: string;
  readonly tls: ConnectionOptions;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  readonly keepsConnections: boolean;
  readonly perSecond: number;
}

/** What came of it. */
export interface TlsLoadResult {
  readonly sent: number;
  /** Statuses and how often each came. */
  readonly statuses: Readonly<Record<string, number>>;
  /** One line for each request that got no answer. */
  readonly failures: readonly string[];
}

/** Starts sending; `stop` resolves when every request has been answered. */
export function startTlsLoad(options: TlsLoadOptions): { stop(): Promise<TlsLoadResult> } {
  const client = options.protocol === 'HTTP/2' ? http2Client(options) : http1Client(options);
  const statuses: Record<string, number> = {};
  const failures: string[] = [];
  const pending = new Set<Promise<void>>();
  let sent = 0;
  const startedMs = performance.now();
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * options.perSecond);
    while (sent < due) {
      const number = ++sent;
      const one = client.send().then(
        (status) => void (statuses[status] = (statuses[status] ?? 0) + 1),
        (error: unknown) => void failures.push(`request ${number}: ${String(error)}`),
      );
      pending.add(one);
      void one.then(() => pending.delete(one));
    }
  }, 5);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
      client.close();
      return { sent, statuses, failures };
    },
  };
}

interface Client {
  /** The status. */
  send(): Promise<number>;
  close(): void;
}

/** Longer than anything on a loaded machine, so that only what hangs is called so. */
const timeoutMs = 20_000;

function http1Client({ port, host, path = '/', tls, keepsConnections }: TlsLoadOptions): Client {
  const agent = new Agent({ keepAlive: keepsConnections, maxSockets: 16 });
  const options = { host: '127.0.0.1', port, path, headers: { host }, agent, timeout: timeoutMs, ...tls };
  const send = () =>
    new Promise<number>((resolve, reject) => {
      const outgoing = request({ ...options, servername: host }, (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      outgoing.on('error', reject);
      outgoing.end();
    });
  return { send, close: () => agent.destroy() };
}

/**
 * As browsers do it: a session that the server has announced to close gets no new requests, and one that was on its way then is sent
 * again, for nobody has begun with it (RFC 9113, 8.7).
 */
function http2Client({ port, host, path = '/', tls, keepsConnections }: TlsLoadOptions): Client {
  const sessions = new Set<ClientHttp2Session>();
  let kept: ClientHttp2Session | undefined;
  const open = () => {
    const session = http2Connect(`https://127.0.0.1:${port}`, { ...tls, servername: host });
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    return session;
  };
  const send = async () => {
    if (!keepsConnections) {
      const session = open();
      return await sendOver(session, host, path).finally(() => session.close());
    }
    const sendKept = () => {
      if (kept === undefined || kept.closed || kept.destroyed) kept = open();
      return sendOver(kept, host, path);
    };
    return await sendKept().catch((error: unknown) => {
      if (!String(error).endsWith('NGHTTP2_REFUSED_STREAM')) throw error;
      return sendKept();
    });
  };
  return {
    send,
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

function sendOver(session: ClientHttp2Session, host: string, path: string): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':path': path, ':authority': host });
    let status = 0;
    stream.on('response', (headers) => (status = Number(headers[':status'])));
    stream.on('error', reject);
    stream.on('end', () => resolve(status));
    stream.setTimeout(timeoutMs, () => stream.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    stream.resume();
    stream.end();
  }).finally(() => session.removeAllListeners('error').on('error', () => {}));
}
