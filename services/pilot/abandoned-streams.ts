// Streams that an earlier life of this Pilot left open in the deliveries log: it was killed before it could say that they ended.

import type { EventLog } from '../../events/event-log.ts';
import { foldLog } from '../../events/fold-log.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import { deliveriesProjection, type StreamRecord } from '../../mesh/deliveries.ts';
import type { DeliveriesRecorder } from './deliveries-recorder.ts';

/** Streams that `pilot` opened up to position `to` of the deliveries log and that have not ended there. Pilots' names differ. */
export async function abandonedStreams(
  deliveries: EventLog,
  of: { readonly pilot: string; readonly to: number; readonly signal: AbortSignal },
): Promise<readonly StreamRecord[]> {
  if (of.to === 0) return [];
  const { state } = await foldLog(deliveries, deliveriesProjection, { to: of.to, signal: of.signal });
  return [...state.proxies.values()].flatMap(({ streams }) =>
    [...streams.values()].filter(({ pilot }) => pilot === of.pilot),
  );
}

/** Records their ends, before the first stream of this life. A deliveries log that is away is no reason not to serve. */
export async function endAbandonedStreams(
  recorder: Pick<DeliveriesRecorder, 'disconnected'>,
  options: {
    readonly deliveries: EventLog;
    readonly logger: Logger;
    readonly pilot: string;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { deliveries, pilot, logger, signal } = options;
  try {
    const { position: to } = await deliveries.head();
    for (const stream of await abandonedStreams(deliveries, { pilot, to, signal }))
      recorder.disconnected(stream, 'Pilot ended before it could say so');
  } catch (error) {
    logger.warn({ error: messageOf(error) }, 'streams left open by an earlier life of this Pilot were not ended');
  }
}
