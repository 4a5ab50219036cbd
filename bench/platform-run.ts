// From a write to a real platform to every proxy's ACK, one of them a real Envoy: one run over one platform.
import { setTimeout as sleep } from 'node:timers/promises';
import { adsBootstrap } from '../test/support/ads-bootstrap.ts';
import { startEnvoy } from '../test/support/envoy.ts';
import type { LoadCommand, LoadReport } from './load-client.ts';
import { type Peer, startPeer, stopPeer } from './mesh-run.ts';
import type { Ack, InitialSync, PlatformPlaneCommand, PlatformPlaneReport } from './platform-plane.ts';
import { percentile } from './statistics.ts';

/** Sizes of a run. */
export interface Size {
  readonly services: number;
  /** One of them is an Envoy; 0 measures the initial sync alone. */
  readonly proxies: number;
  /** Changes that are timed. */
  readonly rounds: number;
}

/** A platform that has been filled. */
export interface FilledPlatform {
  readonly name: 'kubernetes' | 'consul' | 'docker';
  /** Kubeconfig, URL or socket. */
  readonly where: string;
  /** Address of the endpoint that `change` brings, where the platform chooses it. */
  readonly addressOf?: (round: number) => string;
  /** Gives a service an endpoint at `address`; resolves when the platform has answered. */
  readonly change: (round: number, address: string) => Promise<void>;
}

/** Of each service, where the platform has services apart from instances. */
export const endpointsEach = 4;
/** Between changes, as in mesh-run.ts. */
const gapMs = 250;
const envoyId = 'sidecar~10.201.0.1~envoy.default~default.svc.cluster.local';

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
type Plane = Peer<PlatformPlaneCommand, PlatformPlaneReport>;
type Client = Peer<LoadCommand, LoadReport>;

/** Prints the figures of one size. */
export async function runPlatform(platform: FilledPlatform, size: Size): Promise<void> {
  const plane: Plane = startPeer('platform-plane.ts', [platform.name, platform.where]);
  const client: Client = startPeer('load-client.ts', []);
  const cleanups = [() => stopPeer(client), () => stopPeer(plane)];
  try {
    const sync = await plane.next('ready');
    printSync(size, sync);
    if (size.proxies === 0) return;
    await connect(client, sync.port, size.proxies - 1);
    const envoy = await startEnvoy(adsBootstrap(sync.port, 'DELTA_GRPC', envoyId));
    cleanups.unshift(() => envoy.stop());
    // Envoy asks for listeners when its clusters have their endpoints.
    while (!(await acksOf(plane)).some(({ typeUrl }) => typeUrl.endsWith('.Listener'))) await sleep(50);
    await change(platform, { plane, client, size });
    const measuring = plane.next('measured');
    plane.send({ do: 'measure' });
    const { rssMiB, facts } = await measuring;
    console.log(
      `${facts - sync.facts} facts for ${size.rounds} changes; resident ${Math.round(rssMiB)} MiB at the end`,
    );
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

async function connect(client: Client, port: number, proxies: number): Promise<void> {
  if (proxies === 0) return;
  const connecting = client.next('connected');
  client.send({ do: 'connect', target: `127.0.0.1:${port}`, proxies });
  const { fullMs, startedMs, bytes } = await connecting;
  const connectMs = Math.max(...fullMs) - startedMs;
  console.log(
    `${proxies} proxies hold everything after ${Math.round(connectMs)} ms, ${Math.round(bytes / 2 ** 20)} MiB`,
  );
}

async function change(
  platform: FilledPlatform,
  { plane, client, size }: { readonly plane: Plane; readonly client: Client; readonly size: Size },
): Promise<void> {
  const delays = { write: [] as number[], answer: [] as number[] };
  const writes: number[] = [];
  for (let round = 1; round <= size.rounds; round++) {
    await sleep(gapMs);
    const marker = platform.addressOf?.(round) ?? `10.99.${round >> 8}.${round & 255}`;
    if (size.proxies > 1) {
      const watching = client.next('watching');
      client.send({ do: 'watch', marker });
      await watching;
    }
    const reached = size.proxies > 1 ? client.next('reached') : undefined;
    writes.push(Date.now());
    const writtenMs = nowMs();
    await platform.change(round, marker);
    const answeredMs = nowMs();
    const atMs = (await reached)?.atMs ?? [];
    delays.write.push(...atMs.map((ms) => ms - writtenMs));
    delays.answer.push(...atMs.map((ms) => ms - answeredMs));
  }
  print("the write to a stream's ACK", delays.write);
  print("the platform's answer to a stream's ACK", delays.answer);
  print("the write to Envoy's ACK as the deliveries log has it", await envoyDelays(plane, writes));
}

/** From each write, in milliseconds since the epoch, to the first ACK of endpoints after it. */
async function envoyDelays(plane: Plane, writes: readonly number[]): Promise<readonly number[]> {
  // The recorder writes in batches.
  await sleep(2 * gapMs);
  const acks = (await acksOf(plane)).filter(({ typeUrl }) => typeUrl.endsWith('.ClusterLoadAssignment'));
  return writes.map((writtenMs) => (acks.find(({ atMs }) => atMs >= writtenMs)?.atMs ?? Number.NaN) - writtenMs);
}

async function acksOf(plane: Plane): Promise<readonly Ack[]> {
  const acked = plane.next('acked');
  plane.send({ do: 'acks', proxyId: envoyId });
  return (await acked).acks;
}

function print(what: string, values: readonly number[]): void {
  if (values.length === 0) return;
  const at = (share: number) => percentile(values, share).toFixed(1);
  console.log(`from ${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${values.length} samples)`);
}

function printSync({ services }: Size, sync: InitialSync): void {
  const { syncMs, servedMs, facts, rssMiB, heapMiB, cpuSeconds } = sync;
  console.log(`initial sync: ${services} services, ${facts} facts`);
  console.log(
    `  durable after ${Math.round(syncMs)} ms, served after ${Math.round(servedMs)} ms, ${cpuSeconds.toFixed(2)} CPU-s`,
  );
  console.log(`  resident ${Math.round(rssMiB)} MiB, heap ${Math.round(heapMiB)} MiB, Pilot and log included`);
}
