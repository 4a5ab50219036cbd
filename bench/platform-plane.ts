// The control plane of platform-run.ts, a process of its own: SQLite logs, one adapter on a real platform, one Pilot.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConsulAdapter } from '../adapters/consul/adapter.ts';
import { createDockerAdapter } from '../adapters/docker/adapter.ts';
import { createKubernetesAdapter } from '../adapters/kubernetes/adapter.ts';
import { readKubeconfig } from '../adapters/kubernetes/kubeconfig.ts';
import { platformRules } from '../adapters/platform-rules.ts';
import { AdapterRunner } from '../adapters/runner.ts';
import { type Acknowledged, proxySubject } from '../events/delivery-facts.ts';
import { openSqliteLogs } from '../events/logs/sqlite.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { Pilot } from '../services/pilot/pilot.ts';

/** What the parent sends. */
export type PlatformPlaneCommand =
  | { readonly do: 'measure' }
  | { readonly do: 'acks'; readonly proxyId: string }
  | { readonly do: 'stop' };
/** What it answers. */
export type PlatformPlaneReport =
  | ({ readonly did: 'ready'; readonly port: number } & InitialSync)
  | { readonly did: 'acked'; readonly acks: readonly Ack[] }
  | { readonly did: 'measured'; readonly cpuSeconds: number; readonly rssMiB: number; readonly facts: number };

/** A response that a proxy took into use, as the deliveries log has it. */
export interface Ack {
  readonly typeUrl: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** From the adapter's start until every fact is durable, and until Pilot serves them. */
export interface InitialSync {
  readonly syncMs: number;
  readonly servedMs: number;
  readonly cpuSeconds: number;
  readonly facts: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
}

const [platform = '', where = ''] = process.argv.slice(2);
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const report = (message: PlatformPlaneReport) => process.send?.(message);
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const mib = (bytes: number) => bytes / 2 ** 20;

const dir = mkdtempSync(join(tmpdir(), 'periplus-bench-'));
const logs = await openSqliteLogs(dir);
const stop = new AbortController();
const pilot = new Pilot({
  ...{ facts: logs.facts, deliveries: logs.deliveries, clock: systemClock, logger: silentLogger, name: 'bench' },
  xds: { host: '127.0.0.1', port: 0 },
});
const adapter =
  platform === 'consul'
    ? createConsulAdapter({ access: { url: where } })
    : platform === 'docker'
      ? createDockerAdapter({ access: { address: where } })
      : createKubernetesAdapter({ access: () => readKubeconfig({ path: where }), clusterId: 'Kubernetes' });
const rules = platformRules();
const runner = new AdapterRunner({ adapter, log: logs.facts, clock: systemClock, logger: silentLogger, ...rules });

const started = { ms: nowMs(), cpu: cpuSeconds() };
const running = [pilot.run(stop.signal), runner.run(stop.signal)].map((work) => work.catch(() => {}));
while (runner.status.value?.state !== 'synced') await systemClock.sleep(5);
const syncMs = nowMs() - started.ms;
const { position: facts } = await logs.facts.head();
while (!pilot.ready() || (pilot.snapshots.value?.position ?? 0) < facts) await systemClock.sleep(5);
const { rss, heapUsed } = process.memoryUsage();
report({
  ...{ did: 'ready', port: pilot.xdsPort, syncMs, servedMs: nowMs() - started.ms, facts },
  ...{ cpuSeconds: cpuSeconds() - started.cpu, rssMiB: mib(rss), heapMiB: mib(heapUsed) },
});

process.on('message', (command: PlatformPlaneCommand) => void handle(command));

async function handle(command: PlatformPlaneCommand): Promise<void> {
  if (command.do === 'measure') {
    const head = await logs.facts.head();
    const rssMiB = mib(process.memoryUsage().rss);
    report({ did: 'measured', cpuSeconds: cpuSeconds(), rssMiB, facts: head.position });
    return;
  }
  if (command.do === 'acks') {
    const acks: Ack[] = [];
    for await (const { type, time, data } of logs.deliveries.read({ subject: proxySubject(command.proxyId) }))
      if (type === 'io.periplus.delivery.acknowledged')
        acks.push({ typeUrl: (data as Acknowledged['data']).typeUrl, atMs: Date.parse(time) });
    report({ did: 'acked', acks });
    return;
  }
  stop.abort();
  await Promise.all(running);
  await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  rmSync(dir, { recursive: true, force: true });
  process.exit(0);
}
