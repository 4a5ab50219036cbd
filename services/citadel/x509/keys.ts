// Key pairs: which kinds are accepted, how they are made, and how a signing key is taken from PEM without staying exportable.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import { MeshError } from '../../../lib/mesh-error.ts';

/** Kinds that Periplus makes. Accepted from others: these, and RSA of 2048 to 8192 bits. */
export type KeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048';

/** A private key that can sign and its public half; `privateKey` shows nothing of itself when printed or turned into JSON. */
export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: webcrypto.CryptoKey;
}

/** Larger RSA keys cost the verifier, not the caller: a cheap way to keep a CA busy. */
const rsaBits = { min: 2048, max: 8192 } as const;
const curves: Readonly<Record<string, 'P-256' | 'P-384'>> = { prime256v1: 'P-256', secp384r1: 'P-384' };

/** Why certificates are not issued for this key; undefined when they are (CA/Browser Forum Baseline Requirements, 6.1.5 and 6.1.6). */
export function keyProblem(key: KeyObject): string | undefined {
  const { namedCurve = '', modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') return namedCurve in curves ? undefined : 'its curve is not P-256 or P-384';
  if (key.asymmetricKeyType !== 'rsa') return 'its key is neither ECDSA nor RSA';
  if (modulusLength < rsaBits.min) return `its RSA key has fewer than ${rsaBits.min} bits`;
  if (modulusLength > rsaBits.max) return `its RSA key has more than ${rsaBits.max} bits`;
  return publicExponent >= 65_537n && publicExponent % 2n === 1n ? undefined : 'its RSA exponent is too small or even';
}

/** WebCrypto's algorithm for signing and verifying with a key of a kind that `keyProblem` accepts. */
export function signingAlgorithm(
  key: KeyObject,
): webcrypto.RsaHashedImportParams & webcrypto.EcKeyImportParams & { readonly hash: 'SHA-256' | 'SHA-384' } {
  const namedCurve = curves[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'P-256';
  const hash = namedCurve === 'P-384' ? 'SHA-384' : 'SHA-256';
  return { name: key.asymmetricKeyType === 'rsa' ? 'RSASSA-PKCS1-v1_5' : 'ECDSA', namedCurve, hash };
}

const generation: Readonly<Record<KeyType, webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams>> = {
  'ecdsa-p256': { name: 'ECDSA', namedCurve: 'P-256' },
  'ecdsa-p384': { name: 'ECDSA', namedCurve: 'P-384' },
  'rsa-2048': {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  },
};

/** Makes a key pair; its private key as PKCS #8 (DER) is for the one place that stores it. */
export async function generateKeyPair(type: KeyType): Promise<KeyPair & { readonly pkcs8: Buffer }> {
  const made = await webcrypto.subtle.generateKey(generation[type], true, ['sign', 'verify']);
  if (!('privateKey' in made)) throw new MeshError('invalid', `no key pair can be made of ${type}`);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', made.privateKey));
  return { ...keyPairOf(pkcs8), pkcs8 };
}

/**
 * The key pair of a private key in PEM (PKCS #8, PKCS #1, SEC 1) or PKCS #8 DER. Throws MeshError `invalid`, saying nothing of the
 * content, when it is none or of a kind that is not accepted.
 */
export function keyPairOf(material: string | Buffer): KeyPair {
  const privateKey = readPrivateKey(material);
  const publicKey = createPublicKey(privateKey);
  const problem = keyProblem(publicKey);
  if (problem) throw new MeshError('invalid', `the private key can't be used: ${problem}`);
  return { publicKey, privateKey: privateKey.toCryptoKey(signingAlgorithm(publicKey), false, ['sign']) };
}

function readPrivateKey(material: string | Buffer): KeyObject {
  try {
    return typeof material === 'string'
      ? createPrivateKey(material)
      : createPrivateKey({ key: material, format: 'der', type: 'pkcs8' });
  } catch {
    // OpenSSL's message is left out: it may quote what it could not read.
    throw new MeshError('invalid', 'the private key can not be read: it is damaged, encrypted or of another format');
  }
}

/** SHA-256 of the public key (SubjectPublicKeyInfo, DER) in hex: names a key in events. */
export function keyHash(key: KeyObject): string {
  return createHash('sha256').update(spkiOf(key)).digest('hex');
}

/** SubjectPublicKeyInfo, DER. */
export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}
