// Encrypts a private key with a passphrase: scrypt makes the key (RFC 7914), AES-256-GCM keeps content and name from being altered.
import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { MeshError } from '../../../lib/mesh-error.ts';

/** OWASP's password storage advice for scrypt: N = 2^17, r = 8, p = 1; 128 MiB and about half a second, once a start. */
export const defaultLog2N = 17;
/** What a file may ask for: more would keep a start busy, or out of memory. */
const log2NRange = { min: 10, max: 20 } as const;
const format = 'periplus-sealed-key-v1';

/** Which key, and what opens it. */
interface SealOptions {
  /** Bound to the content: one key's file can't be put in another's place. */
  readonly name: string;
  readonly passphrase: string;
  /** Cost of guessing the passphrase, for what is written; a file says its own. Default `defaultLog2N`. */
  readonly log2N?: number;
}

/** The content of a file that holds `secret`. */
export async function seal(secret: Buffer, options: SealOptions): Promise<string> {
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const { log2N = defaultLog2N } = options;
  const cipher = createCipheriv('aes-256-gcm', await derive(options.passphrase, salt, log2N), iv);
  cipher.setAAD(Buffer.from(`${format} ${log2N} ${options.name}`));
  const content = Buffer.concat([cipher.update(secret), cipher.final()]);
  const text = (bytes: Buffer) => bytes.toString('base64');
  const fields = {
    format,
    log2N,
    salt: text(salt),
    iv: text(iv),
    tag: text(cipher.getAuthTag()),
    content: text(content),
  };
  return `${JSON.stringify(fields)}\n`;
}

/** What `seal` was given. Throws MeshError `corrupt` when it is no such file, `forbidden` when the passphrase (or the content) is wrong. */
export async function openSealed(text: string, options: SealOptions): Promise<Buffer> {
  const fields = readFields(text);
  if (!fields) throw new MeshError('corrupt', `the key file of ${options.name} is damaged`);
  const { salt, iv, tag, content, log2N } = fields;
  const key = await derive(options.passphrase, salt, log2N);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
    decipher.setAAD(Buffer.from(`${format} ${log2N} ${options.name}`));
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(content), decipher.final()]);
  } catch {
    throw new MeshError(
      'forbidden',
      `the key ${options.name} does not open: wrong passphrase, or the file was altered`,
    );
  }
}

interface SealedFields extends Readonly<Record<'salt' | 'iv' | 'tag' | 'content', Buffer>> {
  readonly log2N: number;
}

function readFields(text: string): SealedFields | undefined {
  try {
    const fields: unknown = JSON.parse(text);
    if (Reflect.get(Object(fields), 'format') !== format) return undefined;
    const bytes = (name: string) => Buffer.from(String(Reflect.get(Object(fields), name)), 'base64');
    const log2N = Number(Reflect.get(Object(fields), 'log2N'));
    if (!Number.isInteger(log2N) || log2N < log2NRange.min || log2N > log2NRange.max) return undefined;
    const read = { log2N, salt: bytes('salt'), iv: bytes('iv'), tag: bytes('tag'), content: bytes('content') };
    return read.iv.length === 12 && read.tag.length === 16 && read.salt.length === 16 ? read : undefined;
  } catch {
    return undefined;
  }
}

function derive(passphrase: string, salt: Buffer, log2N: number): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** log2N, r: 8, p: 1, maxmem: 2 ** (log2N + 11) };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
