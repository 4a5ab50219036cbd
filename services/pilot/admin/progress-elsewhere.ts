// How far the streams of other Pilots are, as the deliveries log has it.
import { type DeliveriesState, deliveryStatus, type ProxyDelivery } from '../../../mesh/deliveries.ts';
import type { StreamProgress } from './stream-progress.ts';

/** The progress of every open stream that is not of `pilot`. What a Pilot has not announced yet counts as not done. */
export function progressElsewhere(state: DeliveriesState, pilot: string): readonly StreamProgress[] {
  const progress: StreamProgress[] = [];
  for (const proxy of state.proxies.values())
    for (const stream of proxy.streams.values())
      if (stream.pilot !== pilot) progress.push(progressOfStream(state, proxy, stream));
  return progress;
}

function progressOfStream(
  state: DeliveriesState,
  { proxyId, types }: ProxyDelivery,
  { pilot, streamId }: { readonly pilot: string; readonly streamId: string },
): StreamProgress {
  const { position = 0, waiting = 0, laggards = [] } = state.pilots.get(pilot) ?? {};
  // Of more than can be named it is not known who they are.
  const lags = laggards.includes(proxyId) || waiting > laggards.length;
  // One that came after the announcement has been sent nothing yet, or not answered it.
  const answered = types.size > 0 && [...types.values()].every((type) => deliveryStatus(type) !== 'STALE');
  return { proxyId, streamId, position, settled: !lags && answered };
}
