// A steady stream of requests to a loopback address, at a fixed rate whatever the answers' speed (open loop).
import { Agent, request } from 'node:http';

/** What came of the requests. */
export interface LoadResult {
  readonly sent: number;
  /** Bodies' tags (see `tagOf`) and how often each came. */
  readonly tags: Readonly<Record<string, number>>;
  /** One line for each request that got no answer or an answer of 400 and above. */
  readonly failures: readonly string[];
}

/** A running load; `stop` resolves when every request has been answered. */
export interface Load {
  readonly sent: () => number;
  stop(): Promise<LoadResult>;
}

/** Sends `perSecond` requests a second to `url`; `tagOf` reads from a body what to count. */
export function startLoad(options: {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly perSecond: number;
  /** Requests under way at a time: one that is due while so many are waited for is left out. Default: any number. */
  readonly maxPending?: number;
  readonly tagOf: (body: string) => string;
}): Load {
  const { url, headers = {}, maxPending = Number.POSITIVE_INFINITY, perSecond, tagOf } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const tags: Record<string, number> = {};
  const failures: string[] = [];
  const pending = new Set<Promise<void>>();
  let sent = 0;
  /** Sent or left out. */
  let handled = 0;

  const send = () => {
    sent++;
    const one = new Promise<void>((resolve) => {
      const fail = (why: string) => {
        failures.push(`request ${sent}: ${why}`);
        resolve();
      };
      const outgoing = request(url, { agent, headers, timeout: 10_000 }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (body += chunk));
        response.on('error', (error) => fail(error.message));
        response.on('end', () => {
          if ((response.statusCode ?? 0) >= 400) return fail(`status ${response.statusCode}: ${body.slice(0, 200)}`);
          const tag = tagOf(body);
          tags[tag] = (tags[tag] ?? 0) + 1;
          resolve();
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 10 s')));
      outgoing.on('error', (error) => fail(error.message));
      outgoing.end();
    });
    pending.add(one);
    void one.then(() => pending.delete(one));
  };

  const startedMs = performance.now();
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * perSecond);
    for (; handled < due; handled++) if (pending.size < maxPending) send();
  }, 5);
  return {
    sent: () => sent,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
      return { sent, tags, failures };
    },
  };
}
