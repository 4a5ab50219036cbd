// The CA of a trust domain: made on first start or plugged in, signs SVIDs, follows the log, replaces its key step by step.
import type { KeyObject } from 'node:crypto';
import type { EventLog } from '../../../events/event-log.ts';
import type { Clock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import { formatSpiffeId, type SpiffeId, trustDomainProblem } from '../../../mesh/spiffe-id.ts';
import type { KeyStore } from '../keys/key-store.ts';
import { type IssuedCertificate, type Issuer, issueRoot, issueSvid } from '../x509/issue.ts';
import type { KeyType } from '../x509/keys.ts';
import { AuthorityLog } from './authority-log.ts';
import { type Authority, type AuthorityState, activeAuthority, type TrustBundle } from './authority-state.ts';
import { connectedHolders, type HolderMeans } from './connected-holders.ts';
import { loadPluggedIn, type PluggedInCa } from './plugged-in.ts';
import {
  adopt,
  type BundleHolder,
  decideRotation,
  firstStart,
  laggards,
  nextStep,
  type RotationDecision,
  type RotationStep,
} from './rotation.ts';
import { lastExpiryByAuthority, validCertificates } from './valid-certificates.ts';

/** What a CA is made of. */
export interface CertificateAuthorityOptions {
  readonly trustDomain: string;
  readonly facts: EventLog;
  readonly keys: KeyStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In events: `/citadel/NAME`. */
  readonly name: string;
  /** Folder with Istio's `cacerts` files; absent: Citadel makes its own CA. */
  readonly pluggedIn?: string;
  /** Kind of the keys that Citadel makes. Default ECDSA P-256: what SVIDs use, and every Envoy verifies it fast. */
  readonly keyType?: KeyType;
  /**
   * Who holds which bundle: the proof that a rotation may go on. Default: whoever has a certificate that is still valid holds the
   * bundle that came with it, as the log has it; connected-holders.ts knows more.
   */
  readonly bundleHolders?: (means: HolderMeans) => readonly BundleHolder[];
  /** Issues a certificate: issue.ts's by default, or a pool of threads. */
  readonly issue?: typeof issueSvid;
  /** How often the plugged-in files are looked at, in ms. */
  readonly reloadMs?: number;
}

/** An X.509-SVID with what a workload needs beside it. */
export interface SignedSvid extends IssuedCertificate {
  /** Intermediates from the SVID's issuer upwards, PEM, without roots; empty when a root signed it. */
  readonly intermediates: readonly string[];
  readonly bundle: TrustBundle;
  readonly authority: string;
  readonly spiffeId: string;
}

/** For `periplus ca status`. */
export interface CaStatus {
  readonly trustDomain: string;
  readonly authorities: readonly Pick<Authority, 'authority' | 'origin' | 'status' | 'notAfter'>[];
  readonly bundle: { readonly sequence: number; readonly hash: string } | undefined;
  readonly next: RotationStep;
  /** Connected proxies that do not hold the bundle. */
  readonly lagging: readonly string[];
  readonly keyStore: string;
}

/** An hour, as in the issue: a stolen SVID is soon worth nothing. */
export const defaultLifeMs = 3_600_000;
/** A day: longer-lived certificates would outlive bans and rotations. */
export const maxLifeMs = 86_400_000;
/** Often enough that people see their files taken, seldom enough to cost nothing. */
const defaultReloadMs = 5_000;

/** See the file's first line. */
export class CertificateAuthority implements Service {
  readonly name = 'certificate authority';
  /** The newest bundle, each time its content changes. */
  readonly bundle = new Latest<TrustBundle>();
  readonly #options: CertificateAuthorityOptions;
  readonly #log: AuthorityLog;
  #issuer: { readonly authority: Authority; readonly issuer: Issuer } | undefined;
  #plugged: PluggedInCa | undefined;
  #reloadProblem = '';
  #opened: Promise<void> | undefined;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: CertificateAuthorityOptions) {
    const problem = trustDomainProblem(options.trustDomain);
    if (problem) throw new MeshError('invalid', `trust domain "${options.trustDomain}": ${problem}`);
    this.#options = options;
    this.#log = new AuthorityLog({ ...options, source: `/citadel/${options.name}` });
  }

  /** Reads the log and makes the CA if there is none. Rejects with MeshError when files or keys are missing or wrong. */
  async open(): Promise<void> {
    this.#opened ??= this.#exclusively(() => this.#open());
    await this.#opened.catch((error) => {
      this.#opened = undefined;
      throw error;
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.open();
    const watching = this.#watch(signal);
    const reloading = this.#reloadAgain(signal);
    await Promise.all([watching, reloading]);
  }

  /** Signs an SVID for a key whose owner has proven who it is. Rejects with MeshError `unavailable` when this process has no CA key. */
  async sign(options: {
    readonly id: SpiffeId;
    readonly publicKey: KeyObject;
    readonly lifeMs?: number;
    readonly dnsNames?: readonly string[];
  }): Promise<SignedSvid> {
    await this.open();
    const [issuer, bundle] = [this.#issuer, this.#log.state.bundle];
    if (!issuer || !bundle) throw new MeshError('unavailable', 'this Citadel has no key to sign with');
    const issued = await (this.#options.issue ?? issueSvid)({
      ...options,
      issuer: issuer.issuer,
      nowMs: this.#options.clock.nowMs(),
      lifeMs: Math.min(options.lifeMs ?? defaultLifeMs, maxLifeMs),
    });
    const { chain, roots, authority } = issuer.authority;
    const intermediates = chain.filter((pem) => !roots.includes(pem));
    return { ...issued, intermediates, bundle, authority, spiffeId: formatSpiffeId(options.id) };
  }

  /** How far each CA is, and who holds things up. */
  async status(): Promise<CaStatus> {
    await this.open();
    const state = await this.#log.catchUp();
    const { bundle } = state;
    const holders = this.#holders(await this.#validCertificates());
    return {
      trustDomain: this.#options.trustDomain,
      authorities: state.authorities.map(({ authority, origin, status, notAfter }) => ({
        authority,
        origin,
        status,
        notAfter,
      })),
      bundle: bundle && { sequence: bundle.sequence, hash: bundle.hash },
      next: nextStep(state),
      lagging: bundle ? laggards(bundle, holders) : [],
      keyStore: this.#keyPlace,
    };
  }

  get #keyPlace(): string {
    return this.#options.pluggedIn ?? this.#options.keys.description;
  }

  #validCertificates() {
    const { facts, clock } = this.#options;
    return validCertificates(facts, { nowMs: clock.nowMs(), maxLifeMs });
  }

  #holders(valid: Awaited<ReturnType<typeof validCertificates>>): readonly BundleHolder[] {
    const bundle = { hash: this.#log.state.bundle?.hash, position: this.#log.bundlePosition };
    const { bundleHolders = connectedHolders([]) } = this.#options;
    return bundleHolders({ valid, bundle });
  }

  /** Takes the next step of a rotation if it is safe. */
  async advance(actor: string): Promise<RotationDecision> {
    await this.open();
    return await this.#exclusively(() => this.#advance(actor));
  }

  async #advance(actor: string): Promise<RotationDecision> {
    const { clock, pluggedIn } = this.#options;
    const state = await this.#log.catchUp();
    const step = nextStep(state);
    if (step === 'prepare' && pluggedIn !== undefined)
      return { ok: false, step, reason: `this CA is kept in ${pluggedIn}: put the new one there`, waitingFor: [] };
    const valid = await this.#validCertificates();
    const decision = decideRotation(state, {
      holders: this.#holders(valid),
      nowMs: clock.nowMs(),
      lastExpiryMs: lastExpiryByAuthority(valid),
      ...(step === 'prepare' && { prepared: await this.#newAuthority() }),
    });
    if (!decision.ok) return decision;
    if (!(await this.#log.append(decision.facts, actor)))
      return { ok: false, step, reason: 'somebody else changed the CA at the same time', waitingFor: [] };
    await this.#adoptState();
    return decision;
  }

  async #open(): Promise<void> {
    const { pluggedIn } = this.#options;
    await this.#log.catchUp();
    if (pluggedIn !== undefined) await this.#reload();
    else if (this.#log.state.authorities.length === 0) {
      const prepared = await this.#newAuthority();
      await this.#log.append(firstStart(prepared), 'system:citadel');
    }
    await this.#adoptState();
  }

  async #newAuthority() {
    const { keys: store, keyType = 'ecdsa-p256', trustDomain, clock } = this.#options;
    const { name, keys } = await store.create(keyType);
    const title = `Periplus CA ${name.slice(0, 8)}`;
    const root = await issueRoot({ trustDomain, name: title, keys, nowMs: clock.nowMs() });
    return {
      trustDomain,
      authority: name,
      origin: 'self-signed',
      chain: [],
      roots: [root.certificate],
      notAfter: root.notAfter,
    } as const;
  }

  /** Brings what this process signs with into line with the log. */
  async #adoptState(): Promise<void> {
    const { keys: store, logger } = this.#options;
    const { state } = this.#log;
    const active = activeAuthority(state);
    if (active && active.authority !== this.#issuer?.authority.authority) {
      const keys =
        this.#plugged?.authority.authority === active.authority
          ? this.#plugged.keys
          : await store.open(active.authority);
      // The one that signed before goes on when the new key is elsewhere: its certificates are still trusted.
      const certificate = active.chain[0] ?? active.roots[0];
      if (keys && certificate) this.#issuer = { authority: active, issuer: { certificate, keys } };
      else if (!this.#issuer)
        throw new MeshError('unavailable', `the key of CA ${active.authority} is not in ${this.#keyPlace}`);
      else logger.error({ authority: active.authority }, 'the key of the active CA is not here; signing with the last');
    }
    for (const { authority, status, origin } of state.authorities)
      if (status === 'revoked' && origin === 'self-signed') await store.remove(authority);
    if (state.bundle && state.bundle.hash !== this.bundle.value?.hash) this.bundle.set(state.bundle);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for await (const _ of this.#log.watch(signal)) await this.#exclusively(() => this.#adoptState());
  }

  async #reloadAgain(signal: AbortSignal): Promise<void> {
    const { clock, reloadMs = defaultReloadMs, pluggedIn, logger } = this.#options;
    if (pluggedIn === undefined) return;
    while (!signal.aborted) {
      await clock.sleep(reloadMs, signal).catch(() => {});
      if (signal.aborted) return;
      const problem = await this.#exclusively(() => this.#reloadAndActivate()).then(() => '', messageOf);
      if (problem && problem !== this.#reloadProblem)
        logger.error({ problem }, 'the plugged-in CA can not be taken; the last one goes on signing');
      this.#reloadProblem = problem;
    }
  }

  async #reloadAndActivate(): Promise<void> {
    await this.#reload();
    // A new root was published: it signs once everybody is known to trust it.
    if (nextStep(this.#log.state) === 'activate') await this.#advance('system:citadel');
    await this.#adoptState();
  }

  async #reload(): Promise<void> {
    const { pluggedIn: folder, trustDomain, clock } = this.#options;
    if (folder === undefined) return;
    const knownHash = this.#plugged?.contentHash;
    const loaded = await loadPluggedIn({ folder, trustDomain, nowMs: clock.nowMs(), ...(knownHash && { knownHash }) });
    if (!loaded) return;
    const state: AuthorityState = await this.#log.catchUp();
    const known = state.authorities.find(({ authority }) => authority === loaded.authority.authority);
    if (known?.status === 'revoked') throw new MeshError('invalid', `${folder} holds a CA that has been revoked`);
    if (!known) {
      const { authority } = loaded;
      const facts = state.authorities.length === 0 ? firstStart(authority) : adopt(state, authority);
      if (!(await this.#log.append(facts, 'system:citadel'))) return;
    }
    this.#plugged = loaded;
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(work, work);
    this.#changing = done.catch(() => {});
    return done;
  }
}
