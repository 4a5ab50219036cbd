// The JetStream log for bench/log.ts: a real nats-server that syncs every write, on this machine.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import { meshProjection } from '../mesh/mesh-state.ts';
import { TestNats } from '../test/support/nats.ts';
import { fillLog, type OpenForBench, type ReplayRates, replayRates } from './log.ts';

/** A log in a nats-server of its own, started for it; throws when no nats-server can be had. */
export const openTemporaryJetStream: OpenForBench = async () => {
  const server = await TestNats.start();
  if (!(server instanceof TestNats)) throw new Error(server.why);
  const { facts, deliveries } = await openJetStreamLogs(server.url());
  return {
    log: facts,
    dispose: async () => {
      await Promise.all([facts.close(), deliveries.close()]);
      await server.dispose();
    },
  };
};

/** What opening a log costs a process that knows nothing of it. */
export interface OpenCost {
  /** Until every event was checked, ms. */
  readonly ms: number;
  /** Resident before, and at most meanwhile. */
  readonly beforeMiB: number;
  readonly peakMiB: number;
  /** What stays in use, beyond what an empty log takes. */
  readonly liveMiB: number;
}

/** Opens a log of `events` events, and an empty one to compare with, each in a process of its own; and reads the full one from the server. */
export async function measureOpen(events: number): Promise<OpenCost & ReplayRates> {
  return await withNats(async (server) => {
    const empty = openInChild(server.url());
    const writer = await openJetStreamLogs(server.url());
    await fillLog(writer.facts, { events, batchSize: 1000 });
    await Promise.all([writer.facts.close(), writer.deliveries.close()]);
    const full = openInChild(server.url());
    const reader = await openJetStreamLogs(server.url());
    const rates = await replayRates(reader.facts, { events, projection: meshProjection });
    await Promise.all([reader.facts.close(), reader.deliveries.close()]);
    return { ...full, liveMiB: full.liveMiB - empty.liveMiB, ...rates };
  });
}

/** Gives `work` a nats-server of its own; throws when none can be had. */
export async function withNats<T>(work: (server: TestNats) => Promise<T>): Promise<T> {
  const server = await TestNats.start();
  if (!(server instanceof TestNats)) throw new Error(server.why);
  try {
    return await work(server);
  } finally {
    await server.dispose();
  }
}

function openInChild(url: string): OpenCost {
  // As bin/periplus.js runs.
  const args = [
    '--expose-gc',
    '--max-semi-space-size=4',
    '--no-parallel-scavenge',
    join(import.meta.dirname, 'open-log.child.ts'),
    url,
  ];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`opening the log failed: ${stderr}`);
  return JSON.parse(stdout) as OpenCost;
}
