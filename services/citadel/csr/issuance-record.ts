// Writes issues and denials into the facts log: every issue, and as many denials as outsiders can't fill the log with.
import { randomUUID } from 'node:crypto';
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import {
  type CertificateDenied,
  type CertificateIssued,
  type EvidenceRecord,
  identitySubject,
  type JwtIssued,
  unknownCallerSubject,
} from '../../../events/identity-facts.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import { RateLimit } from '../../../lib/rate-limit.ts';

/** One a second on average, twenty at once: enough to see an attack or a mistake, too little to fill a log with. */
const denialRate = { perSecond: 1, burst: 20 } as const;

/** See the file's first line. */
export class IssuanceRecord {
  readonly #facts: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #source: string;
  readonly #denials: RateLimit;
  #unrecorded = 0;

  constructor(options: {
    readonly facts: EventLog;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly source: string;
  }) {
    this.#facts = options.facts;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#source = options.source;
    this.#denials = new RateLimit(denialRate, () => options.clock.nowMs());
  }

  /** Resolves when the issue is durable: no certificate leaves without a record. */
  async issued(data: CertificateIssued['data']): Promise<void> {
    const subject = identitySubject(data.spiffeId);
    await this.#append('io.periplus.identity.certificate-issued', { subject, data, revision: data.serial });
  }

  /** As `issued`, of a token; `actor` asked for it. */
  async jwtIssued(data: JwtIssued['data'], actor: string): Promise<void> {
    const subject = identitySubject(data.spiffeId);
    await this.#append('io.periplus.identity.jwt-issued', { subject, data, revision: data.tokenId, actor });
  }

  /** Never rejects: a denial stands whether it is recorded or not. */
  async denied(denial: {
    readonly peer: string;
    readonly reason: string;
    readonly spiffeId?: string;
    readonly evidence?: EvidenceRecord;
  }): Promise<void> {
    this.#logger.warn({ ...denial }, 'a request was denied');
    if (!this.#denials.take('all')) {
      this.#unrecorded++;
      return;
    }
    const unrecorded = this.#unrecorded;
    this.#unrecorded = 0;
    const data: CertificateDenied['data'] = { ...denial, unrecorded };
    const subject = denial.spiffeId === undefined ? unknownCallerSubject : identitySubject(denial.spiffeId);
    const event = { subject, data, revision: randomUUID() };
    await this.#append('io.periplus.identity.certificate-denied', event).catch((error) => {
      this.#unrecorded += unrecorded + 1;
      this.#logger.error({ error: messageOf(error) }, 'a denial could not be recorded');
    });
  }

  async #append(
    type: (CertificateIssued | CertificateDenied | JwtIssued)['type'],
    fact: {
      readonly subject: string;
      readonly data: { readonly spiffeId?: string };
      readonly revision: string;
      readonly actor?: string;
    },
  ): Promise<void> {
    const { subject, data, revision } = fact;
    const source = this.#source;
    const id = eventId({ source, subject, revision, content: { type, data } });
    const time = new Date(this.#clock.nowMs()).toISOString();
    const actor = fact.actor ?? (data.spiffeId === undefined ? 'system:citadel' : `workload:${data.spiffeId}`);
    await this.#facts.append([{ event: { id, source, type, subject, time, actor, causes: [], data } }]);
  }
}
