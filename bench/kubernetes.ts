// The Kubernetes adapter on a real kube-apiserver: initial sync and memory, and from a write to its fact. `node bench/kubernetes.ts [SERVICES]`.
import { performance } from 'node:perf_hooks';
import { createKubernetesAdapter } from '../adapters/kubernetes/adapter.ts';
import { readKubeconfig } from '../adapters/kubernetes/kubeconfig.ts';
import { platformRules } from '../adapters/platform-rules.ts';
import { AdapterRunner } from '../adapters/runner.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { TestKube } from '../test/support/kube.ts';
import { paths, putSlice, serviceObject, sliceObject } from '../test/support/kube-objects.ts';
import { waitFor } from '../test/support/wait-for.ts';

/** How many writes are timed. */
const rounds = 50;

/** Prints the figures for `services` services of four endpoints each. */
export async function benchKubernetes(services: number): Promise<void> {
  const kube = await TestKube.start();
  if ('why' in kube) {
    console.log(kube.why);
    return;
  }
  const controller = new AbortController();
  try {
    await fill(kube, services);
    const path = kube.kubeconfig(kube.port, 'admin-token');
    const adapter = createKubernetesAdapter({ access: () => readKubeconfig({ path }), clusterId: 'bench' });
    const log = new MemoryLog();
    const runner = new AdapterRunner({ adapter, log, clock: systemClock, logger: silentLogger, ...platformRules() });
    global.gc?.();
    const before = process.memoryUsage();
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    const ended = runner.run(controller.signal).catch(() => {});
    await waitFor(() => runner.status.value?.state === 'synced', { everyMs: 5, what: 'the initial sync' });
    const { user, system } = process.cpuUsage(cpu);
    const facts = (await log.head()).position;
    console.log(`initial sync: ${services} services, ${services * 4} endpoints, ${facts} facts`);
    console.log(`  ${Math.round(performance.now() - startedMs)} ms, ${Math.round((user + system) / 1_000)} ms CPU`);
    global.gc?.();
    const after = process.memoryUsage();
    const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
    console.log(
      `  heap +${mib(after.heapUsed - before.heapUsed)} MiB with the log in memory (--expose-gc for exact figures)`,
    );
    console.log(`  resident +${mib(after.rss - before.rss)} MiB`);
    const times = await timeWrites(kube, log);
    console.log(`write to fact, ${rounds} times: median ${times.median} ms, p99 ${times.p99} ms`);
    controller.abort();
    await ended;
  } finally {
    controller.abort();
    await kube.dispose();
  }
}

async function fill(kube: TestKube, services: number): Promise<void> {
  const names = Array.from({ length: services }, (_, index) => `s${index}`);
  const next = names.entries();
  const worker = async () => {
    for (const [index, name] of next) {
      await kube.must('POST', paths.services, serviceObject(name));
      const addresses = [1, 2, 3, 4].map((last) => `10.${100 + (index >> 8)}.${index & 255}.${last}`);
      await kube.must('POST', paths.slices, sliceObject(name, addresses));
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
}

/** From the moment before the request to the moment when the fact is in the log. */
async function timeWrites(kube: TestKube, log: MemoryLog): Promise<{ readonly median: string; readonly p99: string }> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { position } = await log.head();
    const startedMs = performance.now();
    await putSlice(kube, `s${round}`, [`10.99.0.${round + 1}`]);
    await waitFor(async () => (await log.head()).position > position, { everyMs: 1, what: 'the fact' });
    times.push(performance.now() - startedMs);
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => (times[Math.floor((times.length - 1) * part)] ?? 0).toFixed(1);
  return { median: at(0.5), p99: at(0.99) };
}

if (import.meta.main) await benchKubernetes(Number(process.argv[2] ?? 1_000));
