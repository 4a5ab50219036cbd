// Streams that an earlier life of this Pilot left open in the deliveries log: it was killed before it could say that they ended.
import type { EventLog } from '../../events/event-log.ts';
import { foldLog } from '../../events/fold-log.ts';
import { deliveriesProjection, type StreamRecord } from '../../mesh/deliveries.ts';

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
