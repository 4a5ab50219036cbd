// Encrypts a private key with a passphrase: scrypt makes the key (RFC 7914), AES-256-GCM keeps content and name from being altered.
import { createCipheriv, createDecipheriv, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { MeshError } from '../../../lib/mesh-error.ts';

/** OWASP's password storage advice for scrypt: N = 2^17, r = 8, p = 1; 128 MiB and about half a second, once a start. */
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;
const format = 'periplus-sealed-key-v1';

/** Which key, and what opens it. */
interface SealOptions {
  /** Bound to the content: one key's file can't be put in another's place. */
  readonly name: string;
  readonly passphrase: string;
}

/** The content of a file that holds `secret`. */
export async function seal(secret: Buffer, options: SealOptions): Promise<string> {
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', await derive(options.passphrase, salt), iv);
  cipher.setAAD(Buffer.from(`${format} ${options.name}`));
  const content = Buffer.concat([cipher.update(secret), cipher.final()]);
  const text = (bytes: Buffer) => bytes.toString('base64');
  const fields = { format, salt: text(salt), iv: text(iv), tag: text(cipher.getAuthTag()), content: text(content) };
  return `${JSON.stringify(fields)}\n`;
}

/** What `seal` was given. Throws MeshError `corrupt` when it is no such file, `forbidden` when the passphrase (or the content) is wrong. */
export async function openSealed(text: string, options: SealOptions): Promise<Buffer> {
  const fields = readFields(text);
  if (!fields) throw new MeshError('corrupt', `the key file of ${options.name} is damaged`);
  const { salt, iv, tag, content } = fields;
  const key = await derive(options.passphrase, salt);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
    decipher.setAAD(Buffer.from(`${format} ${options.name}`));
    decipher.setAuthTag(tag);
    return Buffer.concat([decipher.update(content), decipher.final()]);
  } catch {
    throw new MeshError(
      'forbidden',
      `the key ${options.name} does not open: wrong passphrase, or the file was altered`,
    );
  }
}

function readFields(text: string): Record<'salt' | 'iv' | 'tag' | 'content', Buffer> | undefined {
  try {
    const fields: unknown = JSON.parse(text);
    if (Reflect.get(Object(fields), 'format') !== format) return undefined;
    const bytes = (name: string) => Buffer.from(String(Reflect.get(Object(fields), name)), 'base64');
    const read = { salt: bytes('salt'), iv: bytes('iv'), tag: bytes('tag'), content: bytes('content') };
    return read.iv.length === 12 && read.tag.length === 16 && read.salt.length === 16 ? read : undefined;
  } catch {
    return undefined;
  }
}

function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
  const options: ScryptOptions = cost;
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
