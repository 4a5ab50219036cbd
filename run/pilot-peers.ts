// What a Pilot does for and about the others of its mesh, where there can be others: it says how far its streams are, and ends those of the dead.
import type { MeshLogs } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import type { DeliveriesWatch } from '../services/pilot/admin/deliveries-watch.ts';
import { progressOfStreams } from '../services/pilot/admin/stream-progress.ts';
import { lostPilots } from '../services/pilot/lost-pilots.ts';
import type { Pilot } from '../services/pilot/pilot.ts';
import { announcementOf, progressAnnouncer } from '../services/pilot/progress-announcer.ts';

/** Its services; none where one process has the logs alone. */
export function pilotPeers(parts: {
  readonly pilot: Pilot;
  readonly name: string;
  readonly logs: MeshLogs;
  readonly deliveries: DeliveriesWatch;
  readonly clock: Clock;
  readonly logger: Logger;
}): readonly Service[] {
  const { clock, logger, logs, name, pilot } = parts;
  const { leases } = logs;
  if (leases === undefined) return [];
  const position = () => pilot.snapshots.value?.position;
  const streams = () => progressOfStreams(pilot.streams, pilot);
  const announcer = progressAnnouncer({ position, streams, clock, announce: (said) => pilot.announce(said) });
  if (!leases.exclusive) return [announcer];
  const peers = lostPilots({
    pilot: name,
    leases,
    deliveries: logs.deliveries,
    state: () => parts.deliveries.state(),
    announce: () => pilot.announce(announcementOf(streams(), position() ?? 0)),
    endStream: (streamId) => {
      for (const stream of pilot.streams)
        if (stream.id === streamId) stream.end('unavailable', 'another Pilot took this one for lost; connect anew');
    },
    clock,
    logger,
  });
  return [announcer, ...peers];
}
