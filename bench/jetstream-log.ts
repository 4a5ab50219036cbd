// The JetStream log for bench/log.ts: a real nats-server that syncs every write, on this machine.
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import { TestNats } from '../test/support/nats.ts';
import { fillLog, type OpenForBench } from './log.ts';

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

/** Milliseconds until a process that knows nothing has opened a log of `events` events and checked every one. */
export async function measureOpen(events: number): Promise<number> {
  const server = await TestNats.start();
  if (!(server instanceof TestNats)) throw new Error(server.why);
  try {
    const writer = await openJetStreamLogs(server.url());
    await fillLog(writer.facts, { events, batchSize: 1000 });
    const started = performance.now();
    const reader = await openJetStreamLogs(server.url());
    const took = performance.now() - started;
    for (const { facts, deliveries } of [writer, reader]) await Promise.all([facts.close(), deliveries.close()]);
    return took;
  } finally {
    await server.dispose();
  }
}
