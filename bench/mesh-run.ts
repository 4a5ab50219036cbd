// One row of the table: a control plane and a load client as two processes, connected, then changed several times.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlaneCommand, PlaneReport } from './control-plane.ts';
import type { LoadCommand, LoadReport } from './load-client.ts';
import { percentile } from './statistics.ts';

/** Sizes of a row. */
export interface MeshSize {
  readonly services: number;
  readonly endpoints: number;
  readonly proxies: number;
}

/** What one run measured; times in milliseconds, sizes in MiB. */
export interface MeshRun extends MeshSize {
  readonly connectAllMs: number;
  readonly connectMiB: number;
  readonly connectCpuSeconds: number;
  readonly endpointP50Ms: number;
  readonly endpointP99Ms: number;
  /** CPU time of the control plane for one change, with recording what became of it. */
  readonly endpointCpuMs: number;
  readonly endpointMiB: number;
  readonly routeP50Ms: number;
  readonly routeP99Ms: number;
  readonly routeCpuMs: number;
  readonly routeMiB: number;
  readonly rssMiB: number;
}

/** One change: how long each proxy waited for it, and what all of them received. */
interface Change {
  readonly delaysMs: readonly number[];
  readonly bytes: number;
}

/** Between changes, so that each is measured alone: what the one before left to be recorded is done (the peer's tool leaves 2 s). */
const gapMs = 250;

/** Bounds every wait: a benchmark that hangs is a result too. */
const limitMs = 120_000;

/** A process of the benchmark's own. */
export interface Peer<Command, Report> {
  send(command: Command): void;
  next<Did extends string>(did: Did): Promise<Extract<Report, { did: Did }>>;
  readonly process: ChildProcess;
}

/** Starts `file` of this folder; what it reports is waited for by what it did. */
export function startPeer<Command extends object, Report extends { did: string }>(
  file: string,
  args: readonly string[],
): Peer<Command, Report> {
  const child = fork(join(import.meta.dirname, file), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--max-semi-space-size=4', '--no-parallel-scavenge'], // as bin/periplus.js runs
  });
  const next = (did: string) =>
    new Promise<Report>((resolve, reject) => {
      const timer = setTimeout(
        () => finish(() => reject(new Error(`${file}: no "${did}" within ${limitMs} ms`))),
        limitMs,
      );
      const finish = (end: () => void) => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        end();
      };
      const onMessage = (message: Report) => {
        if (message.did === did) finish(() => resolve(message));
        else if (message.did === 'lost') finish(() => reject(new Error(`${file}: ${JSON.stringify(message)}`)));
      };
      const onExit = (code: number | null) => finish(() => reject(new Error(`${file} ended with ${code}`)));
      child.on('message', onMessage);
      child.on('exit', onExit);
    });
  return { process: child, send: (command) => child.send(command), next: next as Peer<Command, Report>['next'] };
}

/** Changes of each kind: the first two or three of a process run code that is not compiled yet and take twice as long; they count. */
const defaultRounds = 10;

/** Runs one size once, on SQLite or on the NATS server at `natsUrl`. */
export async function runMesh(size: MeshSize, natsUrl?: string, rounds = defaultRounds): Promise<MeshRun> {
  const { services, endpoints } = size;
  const plane = startPeer<PlaneCommand, PlaneReport>('control-plane.ts', [
    String(services),
    String(endpoints),
    ...(natsUrl === undefined ? [] : [natsUrl]),
  ]);
  const client = startPeer<LoadCommand, LoadReport>('load-client.ts', []);
  try {
    const { port } = await plane.next('ready');
    const measure = async () => {
      const measured = plane.next('measured');
      plane.send({ do: 'measure' });
      return measured;
    };
    const before = await measure();
    const connecting = client.next('connected');
    client.send({ do: 'connect', target: `127.0.0.1:${port}`, proxies: size.proxies });
    const connected = await connecting;
    const after = await measure();

    const change = async (marker: string, command: PlaneCommand) => {
      await sleep(gapMs);
      const watching = client.next('watching');
      client.send({ do: 'watch', marker });
      await watching;
      const [reached, changed] = [client.next('reached'), plane.next('changed')];
      plane.send(command);
      const [{ atMs, bytes }, start] = [await reached, await changed];
      return { delaysMs: atMs.map((ms) => ms - start.atMs), bytes };
    };
    const repeat = async (one: (round: number) => Promise<Change>) => {
      const start = await measure();
      const changes: Change[] = [];
      for (let round = 1; round <= rounds; round++) changes.push(await one(round));
      await sleep(gapMs); // what the last one left to be recorded counts too
      return { changes, cpuMs: (((await measure()).cpuSeconds - start.cpuSeconds) * 1000) / rounds };
    };
    const endpoint = await repeat((round) => {
      const address = `10.99.0.${round}`;
      return change(address, { do: 'endpoint', service: round % services, address });
    });
    const route = await repeat((round) => {
      const mark = `mark-${round}`;
      return change(mark, { do: 'route', service: (5 * round) % services, mark });
    });
    const end = await measure();
    const delays = (measured: readonly Change[]) => measured.flatMap(({ delaysMs }) => delaysMs);
    const mib = (bytes: number) => bytes / 2 ** 20;
    return {
      ...size,
      connectAllMs: Math.max(...connected.fullMs) - connected.startedMs,
      connectMiB: mib(connected.bytes),
      connectCpuSeconds: after.cpuSeconds - before.cpuSeconds,
      endpointP50Ms: percentile(delays(endpoint.changes), 0.5),
      endpointP99Ms: percentile(delays(endpoint.changes), 0.99),
      endpointCpuMs: endpoint.cpuMs,
      endpointMiB: mib(endpoint.changes.reduce((sum, { bytes }) => sum + bytes, 0) / rounds),
      routeP50Ms: percentile(delays(route.changes), 0.5),
      routeP99Ms: percentile(delays(route.changes), 0.99),
      routeCpuMs: route.cpuMs,
      routeMiB: mib(route.changes.reduce((sum, { bytes }) => sum + bytes, 0) / rounds),
      rssMiB: end.rssMiB,
    };
  } finally {
    for (const peer of [client, plane]) await stopPeer(peer);
  }
}

/** Asks it to end, and ends it after 5 s. */
export async function stopPeer(peer: { readonly process: ChildProcess }): Promise<void> {
  if (peer.process.exitCode !== null) return;
  peer.process.send({ do: 'stop' });
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => peer.process.kill('SIGKILL'), 5000);
    peer.process.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
