// Keeps a workload's SVID fresh: from the cache at once, renewed at half its life, and the last one for as long as Citadel is away.
import type { Clock } from '../../lib/clock.ts';
import { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import { backdateMs } from '../../services/citadel/x509/issue.ts';
import { type KeyPair, newKeys, requestSvid, type SvidRequest } from './citadel-client.ts';
import { loadSvid, saveSvid } from './svid-cache.ts';
import { type WorkloadSvid, workloadSvid } from './workload-svid.ts';

/** Everything a keeper is told. */
export interface IdentityKeeperOptions {
  /** Folder for the SVID, its owner's alone. */
  readonly folder: string;
  /** `host:port`s of Citadels; the next is asked when one fails. */
  readonly citadelAddresses: readonly [string, ...string[]];
  /** Citadel's SPIFFE ID. */
  readonly citadelId: string;
  /** PEM: roots to verify Citadel with before there is a bundle. */
  readonly roots: () => Promise<string>;
  /**
   * The token as it is now (the platform renews it); undefined: the SVID itself is the only proof. `held`: whether there is a valid
   * SVID, so that no one-time token has to be spent.
   */
  readonly token: (held: boolean) => Promise<string | undefined>;
  /** The identity that is wanted; absent: whatever the token proves. */
  readonly expected?: string;
  readonly lifeSeconds?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 to 1; spreads renewals so that workloads that started together do not renew together. */
  readonly random: () => number;
  /** Asks for an SVID; for tests of time. Default `requestSvid`. */
  readonly request?: (request: SvidRequest) => Promise<WorkloadSvid>;
}

/** Waits between attempts in ms: from a second, so that a Citadel that starts is found, doubling to half a minute. */
const retryMs = { first: 1_000, last: 30_000 } as const;
/** Renewal happens at half the life, give or take this part of it. */
const jitter = 0.1;
/** One-time tokens prove nobody twice. */
const joinTokenPrefix = 'pjt_';

/** A Service; `svid` is what the workload is at the moment. */
export class IdentityKeeper implements Service {
  readonly name = 'identity keeper';
  /** The newest SVID. It is left in place when it could not be renewed. */
  readonly svid = new Latest<WorkloadSvid>();
  readonly #options: IdentityKeeperOptions;
  #attempts = 0;
  /** Of a question whose answer did not come: a one-time token is good for this key alone. */
  #keys: KeyPair | undefined;
  /** Whether the last attempt got as far as asking a Citadel. */
  #asked = false;
  #renewAtMs = 0;
  #early = new AbortController();

  constructor(options: IdentityKeeperOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    await this.#fromCache();
    let delayMs: number = retryMs.first;
    let said = '';
    while (!signal.aborted) {
      const dueMs = this.#dueMs() - clock.nowMs();
      if (dueMs > 0) await clock.sleep(dueMs, AbortSignal.any([signal, this.#early.signal])).catch(() => {});
      this.#early = new AbortController();
      if (signal.aborted) return;
      try {
        await this.#renew();
        delayMs = retryMs.first;
      } catch (error) {
        const until = this.svid.value && new Date(this.svid.value.notAfterMs).toISOString();
        if (this.#asked || messageOf(error) !== said)
          logger.warn({ error: messageOf(error), servedUntil: until }, 'the SVID could not be renewed; trying again');
        said = messageOf(error);
        await clock.sleep(delayMs * (1 - jitter + 2 * jitter * this.#options.random()), signal).catch(() => {});
        // A file that is not there yet is looked for each second: that troubles nobody.
        delayMs = this.#asked ? Math.min(delayMs * 2, retryMs.last) : retryMs.first;
      }
    }
  }

  /** Renews before it is due, so that the log shows what came with the new SVID. */
  renewNow(): void {
    this.#renewAtMs = 0;
    this.#early.abort();
  }

  async #fromCache(): Promise<void> {
    const { folder, expected, clock, logger } = this.#options;
    if (this.svid.value) return;
    const options = { nowMs: clock.nowMs(), ...(expected !== undefined && { expected }) };
    const cached = await loadSvid(folder, options).catch(messageOf);
    if (typeof cached === 'string') logger.warn({ problem: cached }, 'a new SVID is needed');
    else if (cached) this.#use(cached);
  }

  /** Takes a newer trust bundle (PEM) into use beside the SVID that is held, and keeps it; gives why it can't be. */
  async useBundle(roots: string): Promise<string | undefined> {
    const { folder, logger } = this.#options;
    const held = this.svid.value;
    if (!held) return 'there is no SVID yet';
    if (held.roots === roots) return undefined;
    const svid = workloadSvid({ ...held, roots });
    if (typeof svid === 'string') return `the trust bundle is not taken: ${svid}`;
    this.svid.set(svid);
    logger.info({ spiffeId: svid.spiffeId }, 'got a new trust bundle');
    await saveSvid(folder, svid).catch((error) =>
      logger.error({ error: messageOf(error) }, 'the trust bundle could not be kept for the next start'),
    );
    return undefined;
  }

  /** When the next renewal is due; decided once for each SVID. */
  #dueMs(): number {
    return this.svid.value ? this.#renewAtMs : 0;
  }

  #use(svid: WorkloadSvid): void {
    const { random, clock } = this.#options;
    // Of a short life the backdating would be the larger part.
    const issuedMs = Math.min(svid.notBeforeMs + backdateMs, svid.notAfterMs);
    const halfMs = (svid.notAfterMs - issuedMs) * (0.5 - jitter + 2 * jitter * random());
    // A Citadel whose clock is far behind gives what has ended already: ask it no more often than one that is away.
    const earliestMs = this.svid.value ? clock.nowMs() + retryMs.first : 0;
    this.#renewAtMs = Math.max(issuedMs + halfMs, earliestMs);
    this.svid.set(svid);
  }

  async #renew(): Promise<void> {
    const { citadelAddresses, citadelId, folder, expected, lifeSeconds, logger, request = requestSvid } = this.#options;
    this.#asked = false;
    const roots = await this.#rootsOfCitadel();
    const proof = await this.#proof();
    this.#asked = true;
    const address = citadelAddresses[this.#attempts++ % citadelAddresses.length] ?? citadelAddresses[0];
    this.#keys ??= await newKeys();
    const svid = await request({
      ...{ address, citadelId, roots, proof, keys: this.#keys },
      ...(expected !== undefined && { expected }),
      ...(lifeSeconds !== undefined && { lifeSeconds }),
    });
    this.#keys = undefined;
    this.#use(svid);
    logger.info({ spiffeId: svid.spiffeId, notAfter: new Date(svid.notAfterMs).toISOString() }, 'got an SVID');
    // Serving comes before keeping: a full disk must not take the identity away.
    await saveSvid(folder, svid).catch((error) =>
      logger.error({ error: messageOf(error) }, 'the SVID could not be kept for the next start'),
    );
  }

  /** The bundle that came with the SVID, and what people may have put beside it since: a rotation that was slept through needs it. */
  async #rootsOfCitadel(): Promise<string> {
    const held = this.svid.value?.roots;
    if (held === undefined) return await this.#options.roots();
    return `${held}${await this.#options.roots().catch(() => '')}`;
  }

  async #proof(): Promise<SvidRequest['proof']> {
    const svid = this.svid.value;
    const valid = svid !== undefined && svid.notAfterMs > this.#options.clock.nowMs();
    const token = await this.#options.token(valid);
    if (valid && (token === undefined || token.startsWith(joinTokenPrefix))) return { svid };
    if (token !== undefined) return { token };
    throw new Error('there is neither a token nor a valid SVID to prove who this is');
  }
}
