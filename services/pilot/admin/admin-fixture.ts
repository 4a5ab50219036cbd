// An admin API for tests: memory logs, a fold that keeps snapshots current, no proxies unless the test makes some.
import type { FastifyInstance } from 'fastify';
import type { NewEvent } from '../../../events/envelope.ts';
import type { MeshLogs } from '../../../events/event-log.ts';
import { openMemoryLogs } from '../../../events/logs/memory.ts';
import { systemClock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { defaultMeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { SnapshotBuilder } from '../../../mesh/snapshot-builder.ts';
import type { BareFact } from '../../../mesh/snapshot-fixture.ts';
import { createAdminApp } from './app.ts';
import type { AdminContext } from './context.ts';
import { createDeliveriesWatch } from './deliveries-watch.ts';
import type { StreamProgress } from './stream-progress.ts';

/** A running API. */
export interface AdminFixture {
  readonly app: FastifyInstance;
  readonly logs: MeshLogs;
  readonly context: AdminContext;
  /** What /wait sees; tests replace its content. */
  readonly streams: StreamProgress[];
  /** Appends facts and waits until the snapshot has them. */
  appendFacts(facts: readonly BareFact[]): Promise<number>;
  /** Appends to the deliveries log and waits until the API has folded it. */
  appendDeliveries(facts: readonly BareFact[]): Promise<void>;
  /** Listens on a free loopback port and gives the URL. */
  listen(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startAdmin(): Promise<AdminFixture> {
  const stopped = new AbortController();
  const logs = openMemoryLogs();
  const snapshots = new Latest<Snapshot>();
  const deliveries = createDeliveriesWatch(logs.deliveries);
  const streams: StreamProgress[] = [];
  const context: AdminContext = {
    logs,
    snapshots,
    deliveries,
    progress: () => streams,
    mesh: defaultMeshConfig,
    readiness: () => [],
    moreMetrics: () => '',
    clock: systemClock,
    logger: silentLogger,
    version: '0.0.0-test',
    signal: stopped.signal,
  };
  const running = [deliveries.run(stopped.signal), keepSnapshots(logs, snapshots, stopped.signal)];
  const app = await createAdminApp(context);
  let serial = 0;
  const eventsOf = (facts: readonly BareFact[]) => facts.map((fact) => ({ event: eventOf(fact, ++serial) }));
  return {
    app,
    logs,
    context,
    streams,
    appendFacts: async (facts) => {
      const result = await logs.facts.append(eventsOf(facts));
      if (!result.ok) throw new Error('the fixture conflicted');
      for await (const snapshot of snapshots.watch(stopped.signal)) if (snapshot.position >= result.position) break;
      return result.position;
    },
    appendDeliveries: async (facts) => {
      const result = await logs.deliveries.append(eventsOf(facts));
      if (!result.ok) throw new Error('the fixture conflicted');
      while (deliveries.state().position < result.position) await new Promise((resolve) => setImmediate(resolve));
    },
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    stop: async () => {
      stopped.abort();
      await app.close();
      await Promise.all(running);
    },
  };
}

async function keepSnapshots(logs: MeshLogs, snapshots: Latest<Snapshot>, signal: AbortSignal): Promise<void> {
  const builder = new SnapshotBuilder();
  snapshots.set(builder.snapshot());
  for await (const batch of logs.facts.subscribe({ after: 0, signal }))
    snapshots.set(builder.applyAll(batch.events).snapshot());
}

function eventOf(fact: BareFact, serial: number): NewEvent {
  const time = new Date(Date.parse('2026-01-01T00:00:00.000Z') + serial * 1000).toISOString();
  return { id: `test-${serial}`, source: '/test', ...fact, time, actor: 'user:test', causes: [] };
}
