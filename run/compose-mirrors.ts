// The mirrors of a process: both logs to Kafka, and to whoever watches on NATS.
import type { MeshLogs } from '../events/event-log.ts';
import type { LogMirror } from '../events/mirror/mirror.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { ProcessConfig } from './config.ts';

/** One a log and target; none where nothing is to be mirrored. */
export async function openMirrors(
  { mirror, name, roles }: ProcessConfig,
  { logs, clock, logger }: { readonly logs: MeshLogs; readonly clock: Clock; readonly logger: Logger },
): Promise<readonly LogMirror[]> {
  const live = roles.has('pilot') ? logs.live : undefined;
  if (mirror === undefined && live === undefined) return [];
  const { LogMirror } = await import('../events/mirror/mirror.ts');
  const kafka = mirror && (await import('../events/mirror/kafka-target.ts')).kafkaTarget(mirror, name);
  const { leases, facts, deliveries } = logs;
  return [live, kafka].flatMap((target) =>
    target === undefined
      ? []
      : Object.entries({ facts, deliveries }).map(
          ([log, of]) => new LogMirror({ name: log, log: of, target, leases, holder: name, clock, logger }),
        ),
  );
}
