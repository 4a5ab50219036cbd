// Measures an event log: durable appends a second by batch size, replay and folding of many events.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewEvent } from '../events/envelope.ts';
import type { Append, EventLog } from '../events/event-log.ts';
import { foldLog } from '../events/fold-log.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import { openSqliteLog } from '../events/logs/sqlite.ts';
import type { Projection } from '../events/projection.ts';
import { type EndpointRegistered, endpointSubject } from '../events/registry-facts.ts';

/** Events a second, and what they were measured on. */
export interface LogRate {
  readonly events: number;
  readonly seconds: number;
  readonly perSecond: number;
}

/** Both ways through a log. */
export interface ReplayRates {
  readonly read: LogRate;
  readonly fold: LogRate;
}

/** Opens an empty log to measure; `dispose` deletes it. */
export type OpenForBench = () => Promise<{ readonly log: EventLog; readonly dispose: () => Promise<void> }>;

/** A SQLite log in a temporary folder of the machine's disk. */
export const openTemporarySqlite: OpenForBench = async () => {
  const dir = mkdtempSync(join(tmpdir(), 'periplus-bench-'));
  const log = await openSqliteLog(join(dir, 'facts.db'));
  return {
    log,
    dispose: async () => {
      await log.close();
      rmSync(dir, { recursive: true });
    },
  };
};

/** A log in memory: what the others are compared with. */
export const openTemporaryMemory: OpenForBench = async () => {
  const log = new MemoryLog();
  return { log, dispose: () => log.close() };
};

/** Services of the made-up mesh, four endpoints each: the sizes of the bench's middle table. */
const services = 500;
const endpointsPerService = 4;

/** The `index`th fact of a mesh whose endpoints keep changing health: about 600 bytes, as real ones. */
export function benchEvent(index: number): NewEvent {
  const service = index % services;
  const instance = Math.floor(index / services) % endpointsPerService;
  const data: EndpointRegistered['data'] = {
    id: `web-${service}-${instance}`,
    hostname: `web-${service}.default.svc.cluster.local`,
    namespace: 'default',
    platform: 'files',
    address: `10.${instance}.${service >> 8}.${service & 255}`,
    ports: { http: 8080 },
    labels: { app: `web-${service}`, version: 'v1' },
    health: index % 3 === 0 ? 'unhealthy' : 'healthy',
  };
  return {
    id: `bench-${index.toString(36)}`,
    source: '/adapters/files',
    type: 'io.periplus.registry.endpoint-registered',
    subject: endpointSubject(data),
    time: new Date(Date.UTC(2026, 0, 1) + index * 10).toISOString(),
    actor: 'adapter:files',
    causes: [],
    data,
  };
}

/** Appends `events` events in batches of `batchSize`, one after the other, each durable before the next. */
export async function measureAppends(
  open: OpenForBench,
  options: { readonly events: number; readonly batchSize: number },
): Promise<LogRate> {
  const { log, dispose } = await open();
  try {
    return await timed(options.events, () => fillLog(log, options));
  } finally {
    await dispose();
  }
}

/** Replay of a log of `events` events by `read`, event by event, and folding by batches through `projection`. */
export async function measureReplay<State>(
  open: OpenForBench,
  options: { readonly events: number; readonly projection: Projection<State> },
): Promise<ReplayRates> {
  const { log, dispose } = await open();
  try {
    await fillLog(log, { events: options.events, batchSize: 1000 });
    return await replayRates(log, options);
  } finally {
    await dispose();
  }
}

/** How fast a log of `events` events is read, event by event, and folded by batches through `projection`. */
export async function replayRates<State>(
  log: EventLog,
  { events, projection }: { readonly events: number; readonly projection: Projection<State> },
): Promise<ReplayRates> {
  const read = await timed(events, async () => {
    for await (const event of log.read()) if (event.position < 1) throw new Error('impossible');
  });
  const fold = await timed(events, async () => {
    await foldLog(log, projection);
  });
  return { read, fold };
}

/** Appends the first `events` bench events, each batch durable before the next. */
export async function fillLog(
  log: EventLog,
  options: { readonly events: number; readonly batchSize: number },
): Promise<void> {
  for (let done = 0; done < options.events; done += options.batchSize) {
    const count = Math.min(options.batchSize, options.events - done);
    const batch: Append[] = Array.from({ length: count }, (_, i) => ({ event: benchEvent(done + i) }));
    await log.append(batch);
  }
}

async function timed(events: number, work: () => Promise<void>): Promise<LogRate> {
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  return { events, seconds, perSecond: events / seconds };
}
