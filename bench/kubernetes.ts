// From a write to a real kube-apiserver to every proxy, and the initial sync: `node bench/kubernetes.ts [SERVICES] [PROXIES] [ROUNDS]`.
import { setTimeout as sleep } from 'node:timers/promises';
import { TestKube } from '../test/support/kube.ts';
import { paths, serviceObject, sliceObject } from '../test/support/kube-objects.ts';
import type { InitialSync, KubernetesPlaneCommand, KubernetesPlaneReport } from './kubernetes-plane.ts';
import type { LoadCommand, LoadReport } from './load-client.ts';
import { startPeer, stopPeer } from './mesh-run.ts';
import { percentile } from './statistics.ts';

/** Sizes of a run; services have four endpoints each. */
interface Size {
  readonly services: number;
  readonly proxies: number;
  /** Changes that are timed. */
  readonly rounds: number;
}

const endpointsEach = 4;
/** Between changes, as in mesh-run.ts. */
const gapMs = 250;

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Prints the figures of one size. */
async function benchKubernetes(size: Size): Promise<void> {
  const kube = await TestKube.start();
  if ('why' in kube) {
    console.log(kube.why);
    return;
  }
  try {
    await fill(kube, size.services);
    await measure(kube, size);
  } finally {
    await kube.dispose();
  }
}

async function measure(kube: TestKube, size: Size): Promise<void> {
  const args = [kube.kubeconfig(kube.port, 'admin-token')];
  const plane = startPeer<KubernetesPlaneCommand, KubernetesPlaneReport>('kubernetes-plane.ts', args);
  const client = startPeer<LoadCommand, LoadReport>('load-client.ts', []);
  try {
    const sync = await plane.next('ready');
    printSync(size, sync);
    if (size.proxies === 0) return;
    const connecting = client.next('connected');
    client.send({ do: 'connect', target: `127.0.0.1:${sync.port}`, proxies: size.proxies });
    const { fullMs, startedMs, bytes } = await connecting;
    const connectMs = Math.max(...fullMs) - startedMs;
    console.log(
      `${size.proxies} proxies hold everything after ${Math.round(connectMs)} ms, ${Math.round(bytes / 2 ** 20)} MiB`,
    );
    const delays = { write: [] as number[], answer: [] as number[] };
    for (let round = 1; round <= size.rounds; round++) {
      await sleep(gapMs);
      const watching = client.next('watching');
      const marker = `10.99.${round >> 8}.${round & 255}`;
      client.send({ do: 'watch', marker });
      await watching;
      const reached = client.next('reached');
      const { endpoints } = sliceObject('', [marker, ...addressesOf(round).slice(1)]);
      const writtenMs = nowMs();
      await kube.must('PATCH', `${paths.slices}/s${round}-1`, { endpoints });
      const answeredMs = nowMs();
      const { atMs } = await reached;
      delays.write.push(...atMs.map((ms) => ms - writtenMs));
      delays.answer.push(...atMs.map((ms) => ms - answeredMs));
    }
    const measuring = plane.next('measured');
    plane.send({ do: 'measure' });
    const { rssMiB, facts } = await measuring;
    for (const [from, values] of Object.entries({
      'the write': delays.write,
      "the API server's answer": delays.answer,
    })) {
      const at = (share: number) => percentile(values, share).toFixed(1);
      console.log(`from ${from} to a proxy's ACK: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${values.length} samples)`);
    }
    console.log(
      `${facts - sync.facts} facts for ${size.rounds} changes; resident ${Math.round(rssMiB)} MiB at the end`,
    );
  } finally {
    await Promise.all([stopPeer(client), stopPeer(plane)]);
  }
}

function printSync({ services }: Size, sync: InitialSync): void {
  const { syncMs, servedMs, facts, rssMiB, heapMiB, cpuSeconds } = sync;
  console.log(`initial sync: ${services} services, ${services * endpointsEach} endpoints, ${facts} facts`);
  console.log(
    `  durable after ${Math.round(syncMs)} ms, served after ${Math.round(servedMs)} ms, ${cpuSeconds.toFixed(2)} CPU-s`,
  );
  console.log(`  resident ${Math.round(rssMiB)} MiB, heap ${Math.round(heapMiB)} MiB, Pilot and log included`);
}

/** Of service `index`. */
function addressesOf(index: number): readonly string[] {
  return Array.from({ length: endpointsEach }, (_, last) => `10.${100 + (index >> 8)}.${index & 255}.${last + 1}`);
}

async function fill(kube: TestKube, services: number): Promise<void> {
  const names = Array.from({ length: services }, (_, index) => `s${index}`);
  const next = names.entries();
  const worker = async () => {
    for (const [index, name] of next) {
      await kube.must('POST', paths.services, serviceObject(name));
      await kube.must('POST', paths.slices, sliceObject(name, addressesOf(index)));
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}

if (import.meta.main) {
  const [services = 500, proxies = 300, rounds = 20] = process.argv.slice(2).map(Number);
  await benchKubernetes({ services, proxies, rounds });
}
