// Signs JWT-SVIDs (SPIFFE, JWT-SVID.md): makes a key for each CA of the trust domain, publishes it in the log, destroys it with its CA.
import { randomBytes } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import { authoritySubject, jwtKeysSubject } from '../../../events/identity-facts.ts';
import type { Clock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import { formatSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import type { KeyStore, StoredKey } from '../keys/key-store.ts';
import {
  authoritiesWithoutKey,
  believedKeys,
  evolveJwtKeys,
  type JwtKey,
  type JwtKeyState,
  jwtKeyEventTypes,
  noJwtKeys,
  signingKeys,
} from './jwt-keys.ts';

/** What an authority is made of. */
export interface JwtAuthorityOptions {
  readonly trustDomain: string;
  readonly facts: EventLog;
  readonly keys: KeyStore;
  readonly clock: Clock;
  /** In events: `/citadel/NAME`. */
  readonly name: string;
  /** Resolves when there is a CA: certificate-authority.ts's `open`. */
  readonly opened: () => Promise<void>;
  /** Claim `iss`: where the keys can be found (OpenID Connect Discovery). Read for each token: a port may be open only later. */
  readonly issuer: () => string;
}

/** A signed token with what is recorded of it. */
export interface SignedJwtSvid {
  readonly token: string;
  readonly keyId: string;
  readonly tokenId: string;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** Five minutes, as in the issue: nothing can take a token back. */
export const defaultTokenLifeMs = 300_000;
/** An hour, for people who ask for more. */
export const maxTokenLifeMs = 3_600_000;
/** Verifiers fetch keys every 20 minutes (Istio's) or sooner: a new key signs only after that, where there is an older one. */
export const settleMs = 30 * 60_000;
/** More audiences than anybody has services; the header that carries the token has to stay small. */
const maxAudiences = 20;
const maxAudienceLength = 255;

/** See the file's first line. */
export class JwtAuthority implements Service {
  readonly name = 'JWT authority';
  /** Keys to believe, each time they change. */
  readonly believed = new Latest<readonly JwtKey[]>();
  readonly #options: JwtAuthorityOptions;
  #state: JwtKeyState = noJwtKeys;
  #position = 0;
  #version = 0;
  #opened: Promise<void> | undefined;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: JwtAuthorityOptions) {
    this.#options = options;
  }

  /** Claim `iss` of its tokens. */
  get issuer(): string {
    return this.#options.issuer();
  }

  /** How many keys there have been. */
  get keysPublished(): number {
    return this.#state.keys.length;
  }

  /** Makes and drops keys as CAs come and go, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.open();
    const filter = { subject: 'identity', types: jwtKeyEventTypes };
    for await (const { events } of this.#options.facts.subscribe({ after: this.#position, signal, ...filter }))
      if (events.length > 0) await this.#exclusively(() => this.#follow());
  }

  /** Reads the log and sees to it that there is a key. Rejects with MeshError when there is no CA or no place for keys. */
  async open(): Promise<void> {
    this.#opened ??= this.#options.opened().then(() => this.#exclusively(() => this.#follow()));
    await this.#opened.catch((error) => {
      this.#opened = undefined;
      throw error;
    });
  }

  /**
   * Signs a token. Rejects with MeshError `invalid` for audiences or a life that can't be, `unavailable` when this process has no key.
   */
  async sign(options: {
    readonly id: SpiffeId;
    readonly audience: readonly string[];
    readonly lifeMs?: number;
  }): Promise<SignedJwtSvid> {
    const { id, audience, lifeMs = defaultTokenLifeMs } = options;
    const problem = audienceProblem(audience);
    if (problem) throw new MeshError('invalid', problem);
    if (!(lifeMs >= 1_000 && lifeMs <= maxTokenLifeMs))
      throw new MeshError('invalid', 'a JWT-SVID lives for 1 second to 1 hour');
    await this.open();
    const { clock } = this.#options;
    const key = await this.#signingKey();
    const issuedAt = Math.floor(clock.nowMs() / 1000);
    const expires = issuedAt + Math.floor(lifeMs / 1000);
    const tokenId = randomBytes(16).toString('base64url');
    const token = await new SignJWT({ aud: [...audience], sub: formatSpiffeId(id) })
      .setProtectedHeader({ alg: 'ES256', kid: key.name, typ: 'JWT' })
      .setIssuer(this.issuer)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expires)
      .setJti(tokenId)
      .sign(key.keys.privateKey);
    return { token, keyId: key.name, tokenId, expiresAt: new Date(expires * 1000).toISOString() };
  }

  async #signingKey(): Promise<StoredKey> {
    for (const { keyId } of signingKeys(this.#state, this.#options.clock.nowMs())) {
      const keys = await this.#options.keys.open(keyId);
      if (keys) return { name: keyId, keys };
    }
    throw new MeshError('unavailable', `this Citadel has no key for tokens in ${this.#options.keys.description}`);
  }

  async #follow(): Promise<void> {
    await this.#catchUp();
    for (const authority of authoritiesWithoutKey(this.#state)) await this.#makeKey(authority);
    const believed = believedKeys(this.#state);
    for (const { keyId } of this.#state.keys)
      if (!believed.some((key) => key.keyId === keyId)) await this.#options.keys.remove(keyId);
    const ids = (keys: readonly JwtKey[] | undefined) => keys?.map(({ keyId }) => keyId).join();
    if (ids(believed) !== ids(this.believed.value)) this.believed.set(believed);
  }

  async #makeKey(authority: string): Promise<void> {
    const { keys: store, trustDomain, clock, facts, name } = this.#options;
    const stored = await store.create('ecdsa-p256');
    const { kty = '', crv = '', x = '', y = '' } = await exportJWK(stored.keys.publicKey);
    const nowMs = clock.nowMs();
    const data: JwtKey = {
      trustDomain,
      authority,
      keyId: stored.name,
      jwk: { kty, crv, x, y },
      signsFrom: new Date(nowMs + settleMs).toISOString(),
    };
    const [source, subject, type] = [
      `/citadel/${name}`,
      jwtKeysSubject(trustDomain),
      'io.periplus.identity.jwt-key-published',
    ];
    const id = eventId({ source, subject, revision: stored.name, content: { type, data } });
    const time = new Date(nowMs).toISOString();
    const event = { id, source, subject, type, time, actor: 'system:citadel', causes: [], data };
    const result = await facts.append([{ event, expectedVersion: this.#version }]);
    // Another Citadel was quicker: its key is the one.
    if (!result.ok) await store.remove(stored.name);
    await this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    const { facts, trustDomain } = this.#options;
    const [ca, own] = [authoritySubject(trustDomain), jwtKeysSubject(trustDomain)];
    const filter = { subject: 'identity', types: jwtKeyEventTypes };
    for await (const event of facts.read({ from: this.#position + 1, ...filter })) {
      this.#position = event.position;
      if (event.subject === own) this.#version = event.version;
      if (event.subject === own || event.subject === ca) this.#state = evolveJwtKeys(this.#state, event);
    }
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(work, work);
    this.#changing = done.catch(() => {});
    return done;
  }
}

/** Why a token can't be made for these; undefined: it can (JWT-SVID.md, section 3.2: aud is required). */
export function audienceProblem(audience: readonly string[]): string | undefined {
  if (audience.length === 0) return 'a JWT-SVID needs an audience: name who is to believe it';
  if (audience.length > maxAudiences) return `a JWT-SVID has at most ${maxAudiences} audiences`;
  const wrong = audience.some((name) => name === '' || name.length > maxAudienceLength || /[\p{Cc}\s]/u.test(name));
  return wrong ? `an audience has 1 to ${maxAudienceLength} characters and no space` : undefined;
}
