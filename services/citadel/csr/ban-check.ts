// Whether an identity is banned, asked of the log itself before anything is issued: no Citadel is behind the others.
import type { EventLog } from '../../../events/event-log.ts';
import type { IdentityBanned, IdentityUnbanned } from '../../../events/identity-facts.ts';

const types = ['io.periplus.identity.identity-banned', 'io.periplus.identity.identity-unbanned'];
/** Events after which the log's index of subjects is quicker than looking at each. */
const farBehind = 1_000;

/** Reads each event once, however many ask: an identity may have had a certificate every half hour for years. */
export class BanCheck {
  readonly #facts: EventLog;
  readonly #banned = new Set<string>();
  #position = 0;
  #reading: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(facts: EventLog) {
    this.#facts = facts;
  }

  /** As the log has it when asked. Rejects as the log does: nobody is let in while it can't be read. */
  async isBanned(spiffeId: string): Promise<boolean> {
    await this.#catchUp();
    return this.#banned.has(spiffeId);
  }

  /** A reading that has begun may miss what was appended since; one that waits for it serves all who ask meanwhile. */
  #catchUp(): Promise<void> {
    this.#next ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#reading = this.#read();
        return this.#reading;
      });
    return this.#next;
  }

  async #read(): Promise<void> {
    const { position: to } = await this.#facts.head();
    const from = this.#position + 1;
    const subject = to - from > farBehind ? { subject: 'identity' } : {};
    for await (const { type, data } of this.#facts.read({ from, to, types, ...subject })) {
      const { spiffeId }: (IdentityBanned | IdentityUnbanned)['data'] = Object(data);
      if (type === types[0]) this.#banned.add(spiffeId);
      else this.#banned.delete(spiffeId);
    }
    this.#position = to;
  }
}
