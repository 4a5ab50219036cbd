// What the entries of a Secret mean: which are used, and what is said of those that can't be.
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { credentialOf, entriesOfSecret } from './credential-material.ts';

const key = { namespace: 'edge', name: 'web' };
let pair: { readonly certificate: string; readonly privateKey: string };
beforeAll(async () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    { serialNumber: '01', name: 'CN=web', keys, signingAlgorithm: algorithm, notAfter: new Date('2030-01-01') },
    webcrypto as never,
  );
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  pair = { certificate: certificate.toString('pem'), privateKey: x509.PemConverter.encode(der, 'PRIVATE KEY') };
});

describe('credentialOf', () => {
  it('takes both of Istio’s sets of names', () => {
    const tls = credentialOf(key, {
      'tls.crt': pair.certificate,
      'tls.key': pair.privateKey,
      'ca.crt': pair.certificate,
    });
    const generic = credentialOf(key, { cert: pair.certificate, key: pair.privateKey, cacert: pair.certificate });
    expect(tls).toEqual(generic);
    const both = { cert: pair.certificate, key: pair.privateKey, 'tls.crt': 'no', 'tls.key': 'no', 'ca.crt': 'no' };
    expect(credentialOf(key, { ...both, cacert: pair.certificate }).observed).toEqual(tls.observed);
    expect(credentialOf(key, { cert: pair.certificate, 'tls.key': pair.privateKey }).observed).toMatchObject({
      problem: 'the certificate is missing',
    });
    expect(tls.observed).toMatchObject({ certificate: { notAfter: '2030-01-01T00:00:00.000Z' } });
    expect(tls.observed.certificate?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(tls.material.authorities?.bundle).toContain('BEGIN CERTIFICATE');
  });

  it('says nothing of the private key but that it fits', () => {
    const { observed } = credentialOf(key, { 'tls.crt': pair.certificate, 'tls.key': pair.privateKey });
    expect(Object.keys(observed).sort()).toEqual(['certificate', 'digest', 'name', 'namespace']);
    expect(JSON.stringify(observed)).not.toContain('PRIVATE');
  });

  it('has another digest for other authorities, and none for nothing', () => {
    const one = credentialOf(key, { 'ca.crt': pair.certificate });
    const two = credentialOf(key, { 'ca.crt': pair.certificate + pair.certificate });
    expect(one.observed.digest).not.toBe(two.observed.digest);
    expect(credentialOf(key, {}).observed).toEqual({
      ...key,
      problem: 'it has neither tls.crt and tls.key nor ca.crt',
    });
  });

  it.each([
    ['a missing key', () => ({ 'tls.crt': pair.certificate }), /private key is missing/],
    ['a missing certificate', () => ({ 'tls.key': pair.privateKey }), /certificate is missing/],
    ['junk', () => ({ 'tls.crt': 'junk', 'tls.key': pair.privateKey }), /certificate can’t be read/],
    ['junk as key', () => ({ 'tls.crt': pair.certificate, 'tls.key': 'hunter2' }), /private key can’t be read/],
    ['another’s key', () => ({ 'tls.crt': pair.certificate, 'tls.key': otherKey() }), /not the certificate’s/],
    [
      'junk as CA',
      () => ({ 'ca.crt': '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----' }),
      /CA certificate can’t be read/,
    ],
  ])('refuses %s without quoting it', (_, entries, message) => {
    const { material, observed } = credentialOf(key, entries());
    expect(observed.problem).toMatch(message);
    expect(observed.problem).not.toContain('hunter2');
    expect([material.certificate, observed.certificate]).toEqual([undefined, undefined]);
  });

  it('reads base64 data, and stringData before it', () => {
    const data = { 'tls.crt': Buffer.from('a').toString('base64'), 'tls.key': Buffer.from('b').toString('base64') };
    expect(entriesOfSecret({ data, stringData: { 'tls.key': 'c' } })).toEqual({ 'tls.crt': 'a', 'tls.key': 'c' });
  });
});

function otherKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
