// The benchmarked control plane, a process of its own: SQLite logs, or those at a NATS URL, the mesh, one Pilot; its parent tells it what to change.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import { openSqliteLogs } from '../events/logs/sqlite.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { Pilot } from '../services/pilot/pilot.ts';
import { benchEndpoint, benchMesh, benchVirtualService, configFact, endpointFact } from './mesh.ts';

/** What the parent sends. */
export type PlaneCommand =
  | { readonly do: 'endpoint'; readonly service: number; readonly address: string }
  | { readonly do: 'route'; readonly service: number; readonly mark: string }
  | { readonly do: 'measure' }
  | { readonly do: 'stop' };
/** What it answers; times as in load-client.ts. */
export type PlaneReport =
  | { readonly did: 'ready'; readonly port: number; readonly loadMs: number }
  | { readonly did: 'changed'; readonly atMs: number }
  | { readonly did: 'measured'; readonly cpuSeconds: number; readonly rssMiB: number };

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const report = (message: PlaneReport) => process.send?.(message);
const [services = '50', endpoints = '4', url] = process.argv.slice(2);

const dir = mkdtempSync(join(tmpdir(), 'periplus-bench-'));
const logs = url === undefined ? await openSqliteLogs(dir) : await openJetStreamLogs(url);
// With NATS between, who writes is another client than who reads.
const writer = url === undefined ? logs : await openJetStreamLogs(url);
const loadStarted = nowMs();
const mesh = benchMesh(Number(services), Number(endpoints));
for (let i = 0; i < mesh.length; i += 500) await writer.facts.append(mesh.slice(i, i + 500));

const stop = new AbortController();
const pilot = new Pilot({
  facts: logs.facts,
  deliveries: logs.deliveries,
  clock: systemClock,
  logger: silentLogger,
  name: 'bench',
  xds: { host: '127.0.0.1', port: 0 },
});
const running = pilot.run(stop.signal);
while (!pilot.ready()) await systemClock.sleep(10);
report({ did: 'ready', port: pilot.xdsPort, loadMs: nowMs() - loadStarted });

process.on('message', (command: PlaneCommand) => void handle(command));

async function handle(command: PlaneCommand): Promise<void> {
  if (command.do === 'measure') {
    const { user, system } = process.cpuUsage();
    report({ did: 'measured', cpuSeconds: (user + system) / 1e6, rssMiB: process.memoryUsage().rss / 2 ** 20 });
  } else if (command.do === 'stop') {
    stop.abort();
    await running.catch(() => {});
    for (const { facts, deliveries } of new Set([logs, writer])) await Promise.all([facts.close(), deliveries.close()]);
    rmSync(dir, { recursive: true, force: true });
    process.exit(0);
  } else {
    const event =
      command.do === 'endpoint'
        ? endpointFact(benchEndpoint(command.service, 0, command.address))
        : configFact(benchVirtualService(command.service, command.mark));
    const atMs = nowMs();
    await writer.facts.append([{ event: { ...event, time: new Date().toISOString() } }]);
    report({ did: 'changed', atMs });
  }
}
