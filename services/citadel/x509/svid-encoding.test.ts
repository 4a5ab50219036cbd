// The X.509 library is the model: a certificate that it makes of the same fields is the same, byte for byte, up to the signature.
import type { webcrypto } from 'node:crypto';
import { fromBER, Sequence } from 'asn1js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { issueRoot } from './issue.ts';
import { generateKeyPair, type KeyType, signingAlgorithm, spkiOf } from './keys.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Certificate,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from './library.ts';
import { sealCertificate, svidTemplate, tbsCertificate } from './svid-encoding.ts';

const parts = (der: ArrayBuffer) => {
  const { result } = fromBER(der);
  const [tbs, algorithm] = result instanceof Sequence ? result.valueBlock.value : [];
  return [tbs, algorithm].map((part) => Buffer.from(part?.valueBeforeDecodeView ?? []).toString('hex'));
};

async function setting(type: KeyType) {
  const issuer = await generateKeyPair(type);
  const nowMs = Date.UTC(2026, 10, 22);
  const root = await issueRoot({ trustDomain: 'cluster.local', name: 'test', keys: issuer, nowMs });
  const certificate = new Certificate(root.certificate);
  const constraints = new BasicConstraintsExtension(false, undefined, true);
  const authority = await AuthorityKeyIdentifierExtension.create(certificate.publicKey);
  const algorithm = signingAlgorithm(issuer.publicKey);
  const template = svidTemplate({
    algorithm,
    issuerName: certificate.subjectName.toArrayBuffer(),
    extensions: [constraints.rawData],
    authorityKeyId: authority.rawData,
  });
  return { issuer, certificate, constraints, authority, algorithm, template };
}

describe('an encoded SVID', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)('of a %s CA is what the library makes', async (type) => {
    const { issuer, certificate, constraints, authority, algorithm, template } = await setting(type);
    const keys = await Promise.all((['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const).map(generateKeyPair));
    const drawn = fc.record({
      keys: fc.constantFrom(...keys),
      serial: fc.stringMatching(/^0[1-7][0-9a-f]{32}$/),
      // Both ways to write a year (RFC 5280, 4.1.2.5).
      startMs: fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2070, 0) }).map((ms) => ms - (ms % 1000)),
      lifeSeconds: fc.integer({ min: 1, max: 100_000_000 }),
      name: fc.stringMatching(/^[a-z0-9.-]{1,200}$/),
      dnsNames: fc.array(fc.stringMatching(/^[a-z0-9.-]{1,60}$/), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(drawn, async ({ serial, startMs, lifeSeconds, name, dnsNames, ...of }) => {
        const [notBefore, notAfter] = [new Date(startMs), new Date(startMs + lifeSeconds * 1000)];
        const spki = spkiOf(of.keys.publicKey);
        const uri = `spiffe://cluster.local/ns/shop/sa/${name}`;
        const tbs = tbsCertificate(template, { serial, notBefore, notAfter, publicKey: spki, uri, dnsNames });
        const signature = await sign(algorithm, issuer.privateKey, tbs.toBER());
        const made = new Certificate(sealCertificate(template, tbs, signature));
        const publicKey = new PublicKey(spki);
        const model = await X509CertificateGenerator.create({
          ...{ serialNumber: serial, subject: [], issuer: certificate.subjectName, notBefore, notAfter, publicKey },
          ...{ signingKey: issuer.privateKey, signingAlgorithm: algorithm },
          extensions: [
            constraints,
            new SubjectAlternativeNameExtension(
              [{ type: 'url', value: uri }, ...dnsNames.map((value) => ({ type: 'dns', value }) as const)],
              true,
            ),
            await SubjectKeyIdentifierExtension.create(publicKey),
            authority,
          ],
        });
        expect(parts(made.rawData)).toEqual(parts(model.rawData));
        expect(await made.verify({ publicKey: certificate.publicKey, signatureOnly: true })).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

const sign = (...args: Parameters<webcrypto.SubtleCrypto['sign']>) => crypto.subtle.sign(...args);
