// Follows the deliveries log, so that the API can say at once what each proxy holds; folds older moments when asked.
import type { EventLog } from '../../../events/event-log.ts';
import type { Service } from '../../../lib/service.ts';
import { type DeliveriesState, deliveriesProjection } from '../../../mesh/deliveries.ts';
import { proxyStatuses } from './proxy-status.ts';
import type { ProxyStatus } from './schemas.ts';

/** What the API's routes see of it. */
export interface DeliveriesWatch extends Service {
  /** Proxies with an open stream. */
  connectedCount(): number;
  /** The live state; never change it. */
  state(): DeliveriesState;
  /** Proxies now, or as of a time (RFC 3339). */
  proxiesAt(time: string | undefined): Promise<readonly ProxyStatus[]>;
  /** The state as of a time (RFC 3339). */
  stateAt(time: string): Promise<DeliveriesState>;
}

/** See the file's first line. `run` must be running for anything but `stateAt` to be current. */
export function createDeliveriesWatch(log: EventLog): DeliveriesWatch {
  let state = deliveriesProjection.init();
  const stateAt = async (time: string) => {
    const position = await log.positionAt(time);
    let past = deliveriesProjection.init();
    for await (const event of log.read({ to: position })) past = deliveriesProjection.evolve(past, event);
    return past;
  };
  return {
    name: 'deliveries-watch',
    run: async (signal) => {
      for await (const batch of log.subscribe({ after: state.position, signal })) {
        for (const event of batch.events) state = deliveriesProjection.evolve(state, event);
      }
    },
    connectedCount: () => [...state.proxies.values()].filter((proxy) => proxy.streams.size > 0).length,
    state: () => state,
    proxiesAt: async (time) => proxyStatuses(time === undefined ? state : await stateAt(time)),
    stateAt,
  };
}
