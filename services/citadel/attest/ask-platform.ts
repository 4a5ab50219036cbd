// One question to a platform's HTTP API: bounded in time and size, no redirects, and no secret in what it throws.
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { MeshError } from '../../../lib/mesh-error.ts';

/** Where a platform's API is and how its server is known. */
export interface PlatformAccess {
  /** `https://HOST:PORT`, may have a path, no slash at its end. */
  readonly server: string;
  /** PEM; the system's authorities when absent. */
  readonly authority?: string;
  /** Accepts any certificate: a kubeconfig may say so. */
  readonly insecure?: boolean;
  /** Name expected in the server's certificate when it is not the URL's host. */
  readonly serverName?: string;
  /** What is wrong with the names in the server's certificate; absent: they have to be the URL's host. */
  readonly checkNames?: (subjectAltName: string | undefined) => string | undefined;
  /** Certificate and key that we show, PEM. */
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** What is asked. */
export interface PlatformQuestion {
  readonly path: string;
  /** Default GET. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  /** Default 5,000: these APIs answer in milliseconds, and a caller waits. */
  readonly timeoutMs?: number;
}

/** What was answered; `json` is undefined where the answer is none. */
export interface PlatformAnswer {
  readonly status: number;
  readonly json: unknown;
}

/** Answers about a token or a workload are a few KiB. */
const maxAnswerBytes = 1024 * 1024;

/** Asks. Rejects with MeshError `unavailable` when there is no whole answer. */
export async function askPlatform(access: PlatformAccess, question: PlatformQuestion): Promise<PlatformAnswer> {
  const { timeoutMs = 5_000, body, method = 'GET', headers = {}, path } = question;
  const url = new URL(`${access.server}${path}`);
  const signal = AbortSignal.timeout(timeoutMs);
  const tls = {
    ...(access.authority !== undefined && { ca: access.authority }),
    ...(access.insecure && { rejectUnauthorized: false }),
    ...(access.serverName !== undefined && { servername: access.serverName }),
    ...(access.checkNames && { checkServerIdentity: nameCheck(access.checkNames) }),
    ...(access.client && { cert: access.client.certificate, key: access.client.key }),
  };
  const sentHeaders = { accept: 'application/json', ...(body && { 'content-type': 'application/json' }), ...headers };
  const options = { method, headers: sentHeaders, signal, agent: false };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = url.protocol === 'https:' ? requestHttps(url, { ...options, ...tls }) : requestHttp(url, options);
      sent.once('response', resolve).on('error', reject);
      sent.end(body && JSON.stringify(body));
    });
    return { status: response.statusCode ?? 0, json: jsonOf(await textOf(response)) };
  } catch (error) {
    const { code } = Object(error);
    const why = signal.aborted ? `no answer within ${timeoutMs} ms` : String(code ?? 'the connection broke');
    throw new MeshError('unavailable', `${url.origin} can not be asked: ${why}`);
  }
}

function nameCheck(check: NonNullable<PlatformAccess['checkNames']>) {
  return (_host: string, { subjectaltname }: { readonly subjectaltname?: string | undefined }) => {
    const code = check(subjectaltname);
    return code === undefined ? undefined : Object.assign(new Error(code), { code });
  };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) {
      response.destroy();
      throw Object.assign(new Error(), { code: `its answer has more than ${maxAnswerBytes} bytes` });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
