// An open-loop HTTP client as a process of its own: a fixed rate whatever the answers' speed, cheap enough to leave the cores to what is measured.
import { connect, type Socket } from 'node:net';

/** What the parent asks for. */
export interface OpenLoopOrder {
  readonly port: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** Whole head of the request. */
  readonly head: string;
}

/** What came of it. Latencies are from the write of a request to the last byte of its answer, in ms. */
export interface OpenLoopResult {
  readonly sent: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How late requests were written, in ms: the client's own fault. */
  readonly lateP99Ms: number;
}

interface Connection {
  readonly socket: Socket;
  done: ((ok: boolean) => void) | undefined;
}

const order = JSON.parse(process.argv[2] ?? '{}') as OpenLoopOrder;
const request = Buffer.from(order.head);
const idle: Connection[] = [];
const latencies: number[] = [];
const lateness: number[] = [];
let failed = 0;

function opened(): Connection {
  const connection: Connection = { socket: connect(order.port, '127.0.0.1'), done: undefined };
  connection.socket.setNoDelay(true);
  let text = '';
  connection.socket.on('data', (part) => {
    text += part.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (text.length < end + 4 + length) return;
    const ok = text.startsWith('HTTP/1.1 200');
    text = '';
    const { done } = connection;
    connection.done = undefined;
    idle.push(connection);
    done?.(ok);
  });
  const broken = () => {
    connection.done?.(false);
    connection.done = undefined;
    const index = idle.indexOf(connection);
    if (index >= 0) idle.splice(index, 1);
  };
  connection.socket.on('error', broken).on('close', broken);
  return connection;
}

function send(dueMs: number): Promise<void> {
  const connection = idle.pop() ?? opened();
  return new Promise((resolve) => {
    const startMs = performance.now();
    lateness.push(startMs - dueMs);
    connection.done = (ok) => {
      if (ok) latencies.push(performance.now() - startMs);
      else failed++;
      resolve();
    };
    connection.socket.write(request);
  });
}

async function run(): Promise<void> {
  const total = order.perSecond * order.seconds;
  const gapMs = 1_000 / order.perSecond;
  const pending: Promise<void>[] = [];
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      while (pending.length < total && startMs + pending.length * gapMs <= performance.now())
        pending.push(send(startMs + pending.length * gapMs));
      if (pending.length < total) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  await Promise.all(pending);
  const at = (values: number[], share: number) => values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
  const result: OpenLoopResult = {
    ...{ sent: total, failed, p50Ms: at(latencies, 0.5), p99Ms: at(latencies, 0.99), lateP99Ms: at(lateness, 0.99) },
  };
  process.stdout.write(JSON.stringify(result));
  process.exit(0);
}

await run();
