// Keys in files of a folder: readable by their owner alone, written atomically, encrypted when there is a passphrase.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { generateKeyPair, type KeyPair, type KeyType, keyHash, keyPairOf } from '../x509/keys.ts';
import type { KeyStore, StoredKey } from './key-store.ts';
import { openSealed, seal } from './sealed-key.ts';

/** See the file's first line. */
export class FileKeyStore implements KeyStore {
  readonly description: string;
  readonly #folder: string;
  readonly #passphrase: string | undefined;
  readonly #log2N: number | undefined;

  /** `folder` is made with mode 0700. A passphrase encrypts what is written from now on and is needed to read it; `log2N`: scrypt's cost. */
  constructor(options: { readonly folder: string; readonly passphrase?: string; readonly log2N?: number }) {
    this.#folder = options.folder;
    this.#passphrase = options.passphrase;
    this.#log2N = options.log2N;
    this.description = `${options.folder} (${options.passphrase === undefined ? 'not encrypted' : 'encrypted'})`;
  }

  async create(type: KeyType): Promise<StoredKey> {
    const { pkcs8, ...keys } = await generateKeyPair(type);
    const name = keyHash(keys.publicKey).slice(0, 32);
    const content = await this.#encode(name, pkcs8);
    pkcs8.fill(0);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeSecretFile(this.#path(name), content);
    return { name, keys };
  }

  async open(name: string): Promise<KeyPair | undefined> {
    const path = this.#path(name);
    const content = await readSecretFile(path);
    if (content === undefined) return undefined;
    const keys = await this.#decode(name, content);
    if (keyHash(keys.publicKey).startsWith(name)) return keys;
    throw new MeshError('corrupt', `${path} holds the key of another authority`);
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  #path(name: string): string {
    if (!/^[0-9a-f]{32}$/.test(name)) throw new MeshError('invalid', 'a key is named by 32 hex digits');
    return join(this.#folder, `${name}.key`);
  }

  async #encode(name: string, pkcs8: Buffer): Promise<string> {
    if (this.#passphrase !== undefined)
      return await seal(pkcs8, {
        name,
        passphrase: this.#passphrase,
        ...(this.#log2N !== undefined && { log2N: this.#log2N }),
      });
    return `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  }

  async #decode(name: string, content: string): Promise<KeyPair> {
    if (content.startsWith('-----BEGIN')) return keyPairOf(content);
    if (this.#passphrase === undefined)
      throw new MeshError('forbidden', `the key ${name} is encrypted and no passphrase was given`);
    const pkcs8 = await openSealed(content, { name, passphrase: this.#passphrase });
    try {
      return keyPairOf(pkcs8);
    } finally {
      pkcs8.fill(0);
    }
  }
}

/** Writes a file that only its owner can read: whole or not at all, and durable when it resolves. */
export async function writeSecretFile(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    await rm(draft, { force: true });
    throw new MeshError('unavailable', `${path} can not be written: ${messageOf(error)}`);
  }
}

/** Reads a secret file; undefined when there is none. One that others can read is closed to them first: it was copied here so. */
export async function readSecretFile(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  if ((found.mode & 0o077) !== 0)
    await chmod(path, 0o600).catch(() => {
      throw new MeshError('forbidden', `${path} can be read by others and that can not be changed: chmod 600 it`);
    });
  return await readFile(path, 'utf8').catch((error) => {
    throw new MeshError('unavailable', `${path} can not be read: ${messageOf(error)}`);
  });
}
