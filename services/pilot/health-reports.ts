// Appends what proxies' agents say of their workloads' health as registry facts: the newest word of each proxy, retried until it is in.

import { canonicalJson } from '../../events/canonical-json.ts';
import type { NewEvent } from '../../events/envelope.ts';
import { eventId } from '../../events/event-id.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { WorkloadHealthReported } from '../../events/registry-facts.ts';
import type { Clock } from '../../lib/clock.ts';
import { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import type { StreamIdentity } from './xds/stream-observer.ts';

/** How long to wait after the log refused, in ms. */
const retryMs = 500;

/** See the file's first line. */
export class HealthReports implements Service {
  readonly name = 'health-reports';
  readonly #facts: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #source: string;
  readonly #waiting = new Map<string, NewEvent>();
  readonly #changes = new Latest<number>();
  #reported = 0;

  constructor(options: {
    readonly facts: EventLog;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly pilot: string;
  }) {
    this.#facts = options.facts;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#source = `/pilot/${options.pilot}`;
  }

  /** Takes a report; an older one of the same proxy that is not in the log yet is superseded. */
  report(stream: StreamIdentity, report: { readonly healthy: boolean; readonly reason: string }): void {
    const { proxyId, streamId, context } = stream;
    const data: WorkloadHealthReported['data'] = {
      proxyId,
      namespace: context.namespace,
      addresses: context.addresses,
      health: report.healthy ? 'healthy' : 'unhealthy',
      reason: report.reason.slice(0, 1000).toWellFormed(),
    };
    const type = 'io.periplus.registry.workload-health-reported';
    const subject = `registry/proxy/health/${context.namespace}/${proxyId}`;
    const revision = `${streamId}/${++this.#reported}`;
    this.#waiting.set(proxyId, {
      id: eventId({ source: this.#source, subject, revision, content: { type, data } }),
      source: this.#source,
      type,
      subject,
      time: new Date(this.#clock.nowMs()).toISOString(),
      actor: `proxy:${proxyId}`,
      causes: [],
      data,
    });
    this.#changes.set(this.#reported);
  }

  async run(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#changes.watch(signal)) {
      while (this.#waiting.size > 0 && !signal.aborted) {
        if (!(await this.#append())) await this.#clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  async #append(): Promise<boolean> {
    const batch = [...this.#waiting];
    try {
      const news = [];
      for (const [, event] of batch) if (!(await this.#isKnown(event))) news.push({ event });
      if (news.length > 0) await this.#facts.append(news);
    } catch (error) {
      this.#logger.warn({ error: messageOf(error) }, 'the facts log does not take health reports; trying again');
      return false;
    }
    for (const [proxyId, event] of batch) if (this.#waiting.get(proxyId) === event) this.#waiting.delete(proxyId);
    return true;
  }

  /** Whether the proxy's last word in the log is the same: agents repeat themselves whenever they connect. */
  async #isKnown(event: NewEvent): Promise<boolean> {
    for await (const last of this.#facts.read({ subject: event.subject, reverse: true, limit: 1 }))
      return canonicalJson(last.data) === canonicalJson(event.data);
    return false;
  }
}
