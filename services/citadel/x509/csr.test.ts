import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCsr, parseCsr } from './csr.ts';
import { generateKeyPair, keyPairOf, signingAlgorithm, spkiOf } from './keys.ts';
import {
  BasicConstraintsExtension,
  type Extension,
  Pkcs10CertificateRequestGenerator,
  PublicKey,
  SubjectAlternativeNameExtension,
} from './library.ts';

const reasonOf = async (pem: string) => {
  const parsed = await parseCsr(pem);
  return parsed.ok ? 'accepted' : parsed.reason;
};
const derOf = (pem: string) => Buffer.from(pem.replace(/-----.*?-----/g, ''), 'base64');
const pemOf = (der: Buffer) =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;

/** A request signed by any key, with any extensions. */
async function anyCsr(options: { key: KeyObject; publicKey: KeyObject; extensions?: Extension[]; hash?: string }) {
  const algorithm = { ...signingAlgorithm(options.publicKey), ...(options.hash && { hash: options.hash }) };
  const privateKey = options.key.toCryptoKey(algorithm, false, ['sign']);
  const publicKey = await new PublicKey(spkiOf(options.publicKey)).export(algorithm, ['verify']);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    keys: { publicKey, privateKey },
    signingAlgorithm: algorithm,
    extensions: options.extensions ?? [],
  });
  return csr.toString('pem');
}

describe('parseCsr', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)('takes the key of a %s request', async (type) => {
    const keys = await generateKeyPair(type);
    const parsed = await parseCsr(await createCsr(keys));
    expect(parsed.ok && parsed.request.publicKey.equals(keys.publicKey)).toBe(true);
  });

  it('ignores names and CA:true, and says that they were asked for', async () => {
    const { publicKey, privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = new SubjectAlternativeNameExtension([
      { type: 'url', value: 'spiffe://cluster.local/ns/kube-system/sa/admin' },
      { type: 'dns', value: 'a\0b' },
    ]);
    const extensions = [names, names, new BasicConstraintsExtension(true)];
    const parsed = await parseCsr(await anyCsr({ key, publicKey, extensions }));
    expect(parsed).toMatchObject({ ok: true, request: { ignored: ['2.5.29.17', '2.5.29.19'] } });
    expect(parsed.ok && Object.keys(parsed.request).sort()).toEqual(['ignored', 'publicKey']);
  });

  it('refuses weak and unusual keys', async () => {
    const rsa = (modulusLength: number, publicExponent = 65_537) =>
      generateKeyPairSync('rsa', { modulusLength, publicExponent });
    const cases: [{ publicKey: KeyObject; privateKey: KeyObject }, string][] = [
      [rsa(1024), 'fewer than 2048'],
      [rsa(2047), 'fewer than 2048'],
      [rsa(2048, 3), 'exponent'],
    ];
    for (const [{ publicKey, privateKey: key }, why] of cases)
      expect(await reasonOf(await anyCsr({ key, publicKey }))).toContain(why);
    const large = generateKeyPairSync('ec', { namedCurve: 'P-521' });
    expect(() => keyPairOf(large.privateKey.export({ type: 'pkcs8', format: 'der' }))).toThrow('curve');
  });

  it('refuses a request for a key that its maker does not hold', async () => {
    const [mine, theirs] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    if (!mine || !theirs) throw new Error('no keys');
    expect(await reasonOf(await anyCsr({ key: mine.privateKey, publicKey: theirs.publicKey }))).toContain('own key');
  });

  it('refuses a signature over SHA-1', async () => {
    const { publicKey, privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(await reasonOf(await anyCsr({ key, publicKey, hash: 'SHA-1' }))).toContain('SHA-256');
  });

  it('refuses what is not exactly one request', async () => {
    const pem = await createCsr(await generateKeyPair('ecdsa-p256'));
    for (const text of ['', 'x', `${pem}${pem}`, `${pem}x`, pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')])
      expect(await reasonOf(text)).toContain('PEM');
    expect(await reasonOf(`${pem}${' '.repeat(20_000)}`)).toContain('longer');
    expect(await reasonOf(pemOf(Buffer.concat([derOf(pem), Buffer.from([0])])))).not.toBe('accepted');
    expect(await reasonOf(pemOf(Buffer.alloc(10_000, 0x30)))).toContain('well-formed');
    expect(await reasonOf(pemOf(Buffer.from('3080'.repeat(5_000), 'hex')))).toContain('well-formed');
  });

  it('given any damage to a request, refuses it or reads the same key', async () => {
    const keys = await generateKeyPair('ecdsa-p256');
    const der = derOf(await createCsr(keys));
    const damage = fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(damage, async ([at, bits]) => {
        const changed = Buffer.from(der);
        changed[at] = (changed[at] ?? 0) ^ bits;
        const parsed = await parseCsr(pemOf(changed));
        expect(!parsed.ok || parsed.request.publicKey.equals(keys.publicKey)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('keys', () => {
  it('do not show their private part when printed, and can not be exported', async () => {
    const { pkcs8, ...pair } = await generateKeyPair('ecdsa-p256');
    const { inspect } = await import('node:util');
    const shown = inspect(pair, { depth: 9, showHidden: true }) + JSON.stringify(pair);
    expect(shown).not.toMatch(/PRIVATE KEY|"d":/);
    expect(shown).not.toContain(pkcs8.subarray(-40).toString('hex'));
    await expect(webcrypto.subtle.exportKey('pkcs8', pair.privateKey)).rejects.toThrow();
  });

  it('say nothing of a private key that can not be read', () => {
    const damaged = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----';
    let thrown: unknown;
    try {
      keyPairOf(damaged);
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toContain('can not be read');
    expect(`${String(thrown)}${thrown instanceof Error ? thrown.stack : ''}`).not.toMatch(/BEGIN|c2Vj/);
  });
});
