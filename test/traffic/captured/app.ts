// The application inside the namespace: a server, and a client that is told over standard input what to send (a JSON object a line).
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { makeCertificates } from '../certificates.ts';
import { exchange, openSocket, send } from '../client.ts';
import { startEchoServer } from '../echo-server.ts';

/** One thing to send. */
export interface Errand {
  readonly id: number;
  readonly kind: 'http' | 'bytes' | 'tls' | 'hold' | 'release';
  readonly address: string;
  readonly port: number;
  /** Host header of HTTP, SNI of TLS. */
  readonly host?: string;
  /** Path of HTTP, text of `bytes` and `tls`; `hold` keeps the connection open under this name until `release` sees it close. */
  readonly text: string;
}

/** What came of it: an HTTP answer, bytes, or an error's message. */
export interface Outcome {
  readonly id: number;
  readonly status?: number;
  readonly text?: string;
  readonly error?: string;
}

async function main([folder = '']: readonly string[]): Promise<void> {
  const certificates = await makeCertificates(folder);
  const { server: certificate, ca } = certificates;
  const server = await startEchoServer({
    name: 'app',
    version: 'v1',
    address: '0.0.0.0',
    journal: new Map(),
    certificate,
    ca,
  });
  tell({ port: server.port, tlsPort: server.tlsPort });
  for await (const line of createInterface({ input: process.stdin })) {
    const errand = JSON.parse(line) as Errand;
    void run(errand).then(
      (outcome) => tell({ ...outcome, id: errand.id }),
      (error: Error) => tell({ id: errand.id, error: error.message }),
    );
  }
  await server.stop();
}

async function run({ kind, address, port, host, text }: Errand): Promise<Omit<Outcome, 'id'>> {
  const to = { address, port, timeoutMs: 5_000 };
  if (kind === 'hold') return { text: await hold(text, to) };
  if (kind === 'release') return { text: await release(text) };
  if (kind === 'http') {
    const { status, body } = await send(text, { ...to, ...(host !== undefined && { host }) });
    return { status, text: body };
  }
  const tls = kind === 'tls' ? { tls: { servername: host ?? '', rejectUnauthorized: false } } : {};
  return { text: await exchange(text, { ...to, ...tls }) };
}

const held = new Map<string, Socket>();

/** Opens a connection that answers and stays; gives the answer. */
async function hold(name: string, to: { readonly address: string; readonly port: number }): Promise<string> {
  const socket = openSocket(to);
  held.set(name, socket);
  return await new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString('latin1')));
    socket.once('error', reject);
    socket.write(name);
  });
}

/** Waits until a held connection is closed by the other side; 'open' if that takes longer than nine seconds. */
async function release(name: string): Promise<string> {
  const socket = held.get(name);
  held.delete(name);
  if (socket === undefined || socket.destroyed) return 'closed';
  const end = await new Promise<string>((resolve) => {
    socket.once('close', () => resolve('closed'));
    setTimeout(() => resolve('open'), 9_000);
  });
  socket.destroy();
  return end;
}

function tell(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

await main(process.argv.slice(2));
