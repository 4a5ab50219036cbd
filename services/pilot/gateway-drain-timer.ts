// Ends what Pilot does for connections that a host's move between HTTPS servers left behind: says in the log when proxies have closed them.
import { type GatewayDrained, gatewayDrainSubject } from '../../events/config-facts.ts';
import { eventId } from '../../events/event-id.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';

/** How long after a change, in ms: Istio's drainDuration, after which proxies close what is left, is 45 s; they learn of it a moment later. */
export const defaultDrainMs = 60_000;
/** How long to wait after the log refused, in ms. */
const retryMs = 500;

/** What the timer needs. */
export interface GatewayDrainTimerOptions {
  readonly facts: EventLog;
  readonly snapshots: Latest<Snapshot>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This Pilot's name. */
  readonly pilot: string;
  readonly drainMs?: number;
}

/** See the file's first line. Several Pilots say the same: their events have the same id. */
export class GatewayDrainTimer implements Service {
  readonly name = 'gateway-drain-timer';
  readonly #options: GatewayDrainTimerOptions;
  /** Gateways, as `NAMESPACE/NAME`, that a wait is under way for. */
  readonly #waiting = new Set<string>();

  constructor(options: GatewayDrainTimerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const waits = new Set<Promise<void>>();
    for await (const { gatewayDrains } of this.#options.snapshots.watch(signal)) {
      for (const key of gatewayDrains.keys()) {
        if (this.#waiting.has(key)) continue;
        this.#waiting.add(key);
        const wait = this.#follow(key, signal).finally(() => waits.delete(wait));
        waits.add(wait);
      }
    }
    await Promise.all(waits);
  }

  /** Waits and says so, until nothing of the Gateway is left to wait for. */
  async #follow(key: string, signal: AbortSignal): Promise<void> {
    const { clock, drainMs = defaultDrainMs } = this.#options;
    let done = 0;
    for (let through = this.#newest(key); through > done && !signal.aborted; through = this.#newest(key)) {
      await clock.sleep(drainMs, signal).catch(() => {});
      while (!signal.aborted && !(await this.#record(key, through))) await clock.sleep(retryMs, signal).catch(() => {});
      done = through;
    }
    this.#waiting.delete(key);
  }

  #newest(key: string): number {
    return this.#options.snapshots.value?.gatewayDrains.get(key)?.at(-1)?.position ?? 0;
  }

  /** False when the log did not take it: try again. */
  async #record(key: string, through: number): Promise<boolean> {
    const { facts, clock, logger, pilot } = this.#options;
    const slash = key.indexOf('/');
    const data: GatewayDrained['data'] = { namespace: key.slice(0, slash), name: key.slice(slash + 1), through };
    const type: GatewayDrained['type'] = 'io.periplus.config.gateway-drained';
    const source = '/pilot/gateway-drains';
    const subject = gatewayDrainSubject(data);
    const id = eventId({ source, subject, revision: through, content: { type, data } });
    const time = new Date(clock.nowMs()).toISOString();
    try {
      await facts.append([{ event: { id, source, type, subject, time, actor: `pilot:${pilot}`, causes: [], data } }]);
      return true;
    } catch (error) {
      logger.warn({ gateway: key, error: messageOf(error) }, 'the end of a drain could not be recorded; trying again');
      return false;
    }
  }
}
