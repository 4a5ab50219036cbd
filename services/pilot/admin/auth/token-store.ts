// The admin API's tokens: one small file each, which holds a hash and never the token; making, listing, revoking and checking them.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../../lib/clock.ts';
import { MeshError, messageOf } from '../../../../lib/mesh-error.ts';
import { compareStrings } from '../../../../mesh/compare.ts';
import { type Role, roles } from './caller.ts';

/** What is known of a token; never the token. */
export interface TokenRecord {
  /** Its owner's name in events: `token:NAME`. */
  readonly name: string;
  readonly role: Role;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly createdBy: string;
  /** RFC 3339; absent: until it is revoked. */
  readonly expiresAt?: string;
}

/** What a new token is to be. */
export interface TokenRequest {
  readonly name: string;
  readonly role: Role;
  readonly lifeSeconds?: number;
  readonly createdBy: string;
}

/** Whether a token is good; `reason` is for its bearer, who gets no hint while the secret is wrong. */
export type TokenCheck =
  | { readonly ok: true; readonly record: TokenRecord }
  | { readonly ok: false; readonly reason: string };

/** Tokens start so that secret scanners and people recognise them; between prefix and secret stands the name. */
const prefix = 'periplus-admin.';
/** 256 random bits need no slow hash: there is nothing to guess. */
const secretBytes = 32;
const namePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** See the file's first line. Each file is read when it is needed, so that another process can revoke a token with effect at once. */
export class TokenStore {
  readonly #folder: string;
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(options: { readonly folder: string; readonly clock: Pick<Clock, 'nowMs'> }) {
    this.#folder = options.folder;
    this.#clock = options.clock;
  }

  /** Makes one. The token is given here and kept nowhere. Throws MeshError `invalid` for a bad name, `conflict` for one that is taken. */
  async create(request: TokenRequest): Promise<{ readonly token: string; readonly record: TokenRecord }> {
    const { name, role, lifeSeconds, createdBy } = request;
    if (!namePattern.test(name))
      throw new MeshError('invalid', `a token's name has 1 to 63 lower-case letters, digits and dashes, not "${name}"`);
    const nowMs = this.#clock.nowMs();
    const record: TokenRecord = {
      name,
      role,
      createdAt: new Date(nowMs).toISOString(),
      createdBy,
      ...(lifeSeconds !== undefined && { expiresAt: new Date(nowMs + lifeSeconds * 1000).toISOString() }),
    };
    const token = `${prefix}${name}.${randomBytes(secretBytes).toString('base64url')}`;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Written whole under another name, then linked: readers never see half a file, and of two makers one wins.
    const draft = join(this.#folder, `.${randomBytes(8).toString('hex')}`);
    const text = JSON.stringify({ ...record, hash: hashOf(token).toString('hex') });
    await writeFile(draft, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
    try {
      await link(draft, this.#file(name));
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw new MeshError('conflict', `there is a token "${name}"; revoke it first`);
      throw error;
    } finally {
      await unlink(draft);
    }
    return { token, record };
  }

  /** All, by name, expired ones too. */
  async list(): Promise<readonly TokenRecord[]> {
    const names = (await readdir(this.#folder).catch(missingAs<string[]>([])))
      .filter((file) => file.endsWith('.json') && namePattern.test(file.slice(0, -5)))
      .map((file) => file.slice(0, -5))
      .sort(compareStrings);
    const found = await Promise.all(names.map((name) => this.#read(name)));
    return found.flatMap((entry) => (entry ? [entry.record] : []));
  }

  /** Makes one useless from now on. Throws MeshError `not-found`. */
  async revoke(name: string): Promise<void> {
    const missing = new MeshError('not-found', `there is no token "${name}"`);
    if (!namePattern.test(name)) throw missing;
    await unlink(this.#file(name)).catch((error: unknown) => {
      throw codeOf(error) === 'ENOENT' ? missing : error;
    });
  }

  /** Whether `token` is one of them, its secret is right and it has not expired. */
  async check(token: string): Promise<TokenCheck> {
    const wrong = { ok: false, reason: 'the token is not known here, or was revoked' } as const;
    const name = token.startsWith(prefix) ? token.slice(prefix.length).split('.')[0] : undefined;
    const entry = name !== undefined && namePattern.test(name) ? await this.#read(name) : undefined;
    // An unknown name is compared as well: the time tells nothing.
    const same = timingSafeEqual(hashOf(token), entry?.hash ?? Buffer.alloc(32));
    if (!entry || !same) return wrong;
    const { record } = entry;
    if (record.expiresAt !== undefined && Date.parse(record.expiresAt) <= this.#clock.nowMs())
      return { ok: false, reason: `the token "${record.name}" expired at ${record.expiresAt}` };
    return { ok: true, record };
  }

  async #read(name: string): Promise<{ readonly record: TokenRecord; readonly hash: Buffer } | undefined> {
    const text = await readFile(this.#file(name), 'utf8').catch(missingAs(undefined));
    if (text === undefined) return undefined;
    try {
      const { hash, ...record } = JSON.parse(text) as TokenRecord & { readonly hash: unknown };
      const bytes = typeof hash === 'string' ? Buffer.from(hash, 'hex') : Buffer.alloc(0);
      const expires = record.expiresAt === undefined || Number.isFinite(Date.parse(record.expiresAt));
      if (bytes.length !== 32 || record.name !== name || !roles.includes(record.role) || !expires)
        throw new Error('a field is missing or wrong');
      return { record, hash: bytes };
    } catch (error) {
      throw new MeshError('corrupt', `the token file ${this.#file(name)} can't be read: ${messageOf(error)}`);
    }
  }

  #file(name: string): string {
    return join(this.#folder, `${name}.json`);
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function missingAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === 'ENOENT') return value;
    throw error;
  };
}
