// A crowd of workloads that all ask Citadel for a certificate at once, each from an address and over a connection of its own, as agents do.
import type { IncomingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { certificateService } from '../../services/citadel/csr/grpc-services.ts';
import { createCsr } from '../../services/citadel/x509/csr.ts';
import { generateKeyPair } from '../../services/citadel/x509/keys.ts';

/** One workload, ready to ask. */
export interface CrowdWorkload {
  readonly token: string;
  /** PEM. */
  readonly csr: string;
}

/** What became of the crowd. */
export interface CrowdResult {
  /** From the first question to the last answer. */
  readonly seconds: number;
  /** Who got a certificate. */
  readonly served: number;
  /** Why others did not, each reason once. */
  readonly failures: readonly string[];
  /** Questions that had to be asked again. */
  readonly retries: number;
  /** Until half of them, and the last, had their certificate, in ms. */
  readonly p50Ms: number;
  readonly lastMs: number;
}

/** The agent's (identity-keeper.ts): a first wait, doubled each time. */
const retryMs = { first: 1_000, last: 30_000 } as const;
/** As the agent's (citadel-client.ts). */
const timeoutMs = 20_000;
const method = certificateService.CreateCertificate;

/** As many requests as there are tokens, made beforehand: the caller's own key is not Citadel's work. */
export async function crowdOf(tokens: readonly string[]): Promise<readonly CrowdWorkload[]> {
  const crowd: CrowdWorkload[] = [];
  for (const token of tokens) crowd.push({ token, csr: await createCsr(await generateKeyPair('ecdsa-p256')) });
  return crowd;
}

/** All ask at once, and again like agents where they are not served; who has nothing after `limitMs` has failed. */
export async function askAtOnce(
  crowd: readonly CrowdWorkload[],
  citadel: { readonly port: number; readonly roots: string; readonly limitMs: number },
): Promise<CrowdResult> {
  const startedMs = performance.now();
  const takenMs: number[] = [];
  const failures = new Set<string>();
  let retries = 0;
  const one = async (workload: CrowdWorkload, index: number) => {
    let problem = '';
    for (let waitMs: number = retryMs.first; performance.now() - startedMs < citadel.limitMs; waitMs *= 2) {
      problem = await ask(workload, { ...citadel, localAddress: addressOf(index) });
      if (problem === '') return void takenMs.push(performance.now() - startedMs);
      retries++;
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, retryMs.last) * (0.9 + Math.random() / 5)));
    }
    failures.add(problem);
  };
  await Promise.all(crowd.map(one));
  takenMs.sort((a, b) => a - b);
  return {
    seconds: (performance.now() - startedMs) / 1000,
    served: takenMs.length,
    failures: [...failures],
    retries,
    p50Ms: Math.round(takenMs[takenMs.length >> 1] ?? 0),
    lastMs: Math.round(takenMs.at(-1) ?? 0),
  };
}

/** One of 127.1.0.0/16: limits are by address. */
const addressOf = (index: number) => `127.1.${(index >> 8) & 255}.${index & 255 || 255}`;

/** Asks once over a connection of its own; '' when a certificate came, else why not. */
async function ask(
  { token, csr }: CrowdWorkload,
  { port, roots, localAddress }: { readonly port: number; readonly roots: string; readonly localAddress: string },
): Promise<string> {
  const to = { host: '127.0.0.1', port, localAddress };
  const options: ConnectionOptions = { ...to, ca: roots, ALPNProtocols: ['h2'], servername: 'localhost' };
  const session = connectHttp2(`https://localhost:${port}`, { createConnection: () => connectTls(options) });
  try {
    return await new Promise<string>((resolve) => {
      session.on('error', (error) => resolve(`connection: ${error.message}`));
      session.on('close', () => resolve('the connection was closed'));
      setTimeout(() => resolve('no answer in time'), timeoutMs).unref();
      request(session, { token, csr }, resolve);
    });
  } finally {
    session.destroy();
  }
}

function request(session: ClientHttp2Session, { token, csr }: CrowdWorkload, done: (problem: string) => void): void {
  const stream = session.request({
    ':method': 'POST',
    ':path': method.path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  });
  const chunks: Buffer[] = [];
  let trailers: IncomingHttpHeaders = {};
  stream.on('response', (headers) => (trailers = headers));
  stream.on('trailers', (headers) => (trailers = headers));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', (error) => done(`stream: ${error.message}`));
  stream.on('close', () => {
    if (String(trailers['grpc-status']) !== '0') return done(`refused: ${String(trailers['grpc-message'])}`);
    const { certChain } = method.responseDeserialize(Buffer.concat(chunks).subarray(5));
    done(certChain.length > 1 ? '' : 'no certificate came');
  });
  const message = method.requestSerialize({
    $typeName: 'istio.v1.auth.IstioCertificateRequest',
    csr,
    validityDuration: 0n,
  });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
}
