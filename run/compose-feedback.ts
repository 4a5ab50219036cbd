// Feedback for clusters whose `.status` is written, read from this process's Pilot, or from the logs where Pilots are elsewhere.
import type { ConfigFeedback } from '../adapters/kubernetes/config-feedback.ts';
import type { MeshLogs } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import type { MeshConfig } from '../mesh/config/mesh-config.ts';
import { FactReader } from '../mesh/fact-reader.ts';
import type { Snapshot } from '../mesh/snapshot.ts';
import type { DeliveriesWatch } from '../services/pilot/admin/deliveries-watch.ts';
import { progressElsewhere } from '../services/pilot/admin/progress-elsewhere.ts';
import { progressOfStreams } from '../services/pilot/admin/stream-progress.ts';
import type { Pilot } from '../services/pilot/pilot.ts';
import type { ProcessConfig } from './config.ts';
import { configFeedback } from './config-feedback.ts';

/** Feedback and what has to run for it, besides the deliveries' watch. */
export interface FeedbackParts {
  readonly feedback: ConfigFeedback;
  readonly services: readonly Service[];
}

/** See the file's first line. Undefined where no status is written. */
export function composeFeedback(
  config: ProcessConfig,
  means: {
    readonly logs: MeshLogs;
    readonly deliveries: DeliveriesWatch;
    /** Of this process; asked late, for Pilot is made after the adapters. */
    readonly pilot: () => Pilot;
    readonly mesh: MeshConfig;
    readonly clock: Clock;
    readonly logger: Logger;
  },
): FeedbackParts | undefined {
  const isNeeded = config.roles.has('adapters') && config.kubernetes.some(({ writesStatus }) => writesStatus);
  if (!isNeeded) return undefined;
  const { logs, deliveries, pilot } = means;
  const hasPilot = config.roles.has('pilot');
  const follower = hasPilot ? undefined : followFacts(means);
  const feedback = configFeedback({
    facts: logs.facts,
    deliveries: () => deliveries.state(),
    progress: () => [
      ...(hasPilot ? progressOfStreams(pilot().streams, pilot()) : []),
      ...progressElsewhere(deliveries.state(), hasPilot ? config.name : ''),
    ],
    snapshot: () => (follower ? follower.snapshot() : pilot().snapshots.value),
  });
  return { feedback, services: follower ? [follower.service] : [] };
}

function followFacts({
  logs,
  mesh,
  clock,
  logger,
}: {
  readonly logs: MeshLogs;
  readonly mesh: MeshConfig;
  readonly clock: Clock;
  readonly logger: Logger;
}) {
  let newest: Snapshot | undefined;
  const events = {
    snapshot: async (snapshot: Snapshot) => {
      newest = snapshot;
    },
    folded: () => {},
    // Pilot searches for the event and quarantines it, an event that this reader meets too.
    broken: ({ bad, error }: { readonly bad: number; readonly error: unknown }) =>
      logger.warn({ position: bad, error }, 'an event can not be folded'),
    logFailed: () => {},
  };
  const reader = new FactReader({ facts: logs.facts, mesh, clock, logger, events });
  const service: Service = { name: 'status-reader', run: (signal) => reader.run(signal) };
  return { snapshot: () => newest, service };
}
