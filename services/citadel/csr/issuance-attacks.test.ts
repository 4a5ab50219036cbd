// Attacks on issuance: hostile requests, judged by OpenSSL's reading of what came of them. Each is tried on Citadel and on a CA that
// trusts the request as Citadel must not ("unguarded"): what is safe only because of a guard shows there as the breach that it would be.
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatSpiffeId } from '../../../mesh/spiffe-id.ts';
import { testCa } from '../citadel-fixture.ts';
import type { Issuer } from '../x509/issue.ts';
import { keyHash, signingAlgorithm, spkiOf } from '../x509/keys.ts';
import {
  BasicConstraintsExtension,
  Certificate,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '../x509/library.ts';
import { type IssuanceMeans, issueCertificate } from './issuance.ts';

const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const own = formatSpiffeId(id);
const admin = 'spiffe://cluster.local/ns/kube-system/sa/admin';
const url = (...values: string[]) =>
  new SubjectAlternativeNameExtension(values.map((value) => ({ type: 'url', value }) as const));
const dns = (...values: string[]) =>
  new SubjectAlternativeNameExtension(values.map((value) => ({ type: 'dns', value }) as const));
const ownAnd = (value: string) =>
  new SubjectAlternativeNameExtension([
    { type: 'url', value: own },
    { type: 'dns', value },
  ]);
const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent });

interface Attack {
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  /** Key that the request claims, where that is not the one that signs it. */
  readonly claimed?: KeyObject;
  readonly extensions?: readonly Extension[];
  readonly subject?: string;
}
const attacks: Readonly<Record<string, Attack>> = {
  'another workload’s name': { extensions: [url(admin)] },
  'its own name and another’s': { extensions: [url(own, admin)] },
  'another’s name in a second extension': { extensions: [url(own), url(admin)] },
  'the same name twice': { extensions: [url(own, own)] },
  'a DNS name in a second extension': { extensions: [url(own), dns('istiod.istio-system.svc')] },
  'a DNS name beside': { extensions: [ownAnd('istiod.istio-system.svc')] },
  'a NUL in a name': { extensions: [dns('web.shop.svc\0.evil.example')] },
  'a NUL in a URI': { extensions: [url(`${admin}\0/x`)] },
  'a name that is not ASCII': { extensions: [dns('wéb.shop.svc')] },
  'a URI that only looks like ASCII': { extensions: [url('spiffe://cluster.local/ns/kube-system/sa/аdmin')] },
  'CA:true': { extensions: [new BasicConstraintsExtension(true, 3, true)] },
  'the right to sign certificates': { extensions: [new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)] },
  'a subject': { subject: `CN=${admin}` },
  'a key that is somebody else’s': { claimed: ec().publicKey },
  'RSA of 1024 bits': { keys: rsa(1024) },
  'RSA with exponent 3': { keys: rsa(2048, 3) },
};

async function requestOf({ keys = ec(), claimed, extensions = [], subject }: Attack): Promise<string> {
  const { publicKey, privateKey } = keys;
  const algorithm = signingAlgorithm(publicKey);
  const shown = claimed ?? publicKey;
  const csr = await Pkcs10CertificateRequestGenerator.create({
    keys: {
      publicKey: await new PublicKey(spkiOf(shown)).export(algorithm, ['verify']),
      privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']),
    },
    signingAlgorithm: algorithm,
    extensions: [...extensions],
    ...(subject !== undefined && { name: subject }),
  });
  return csr.toString('pem');
}

/** A CA without a guard: everything that the request says is in the certificate. */
async function unguarded(csr: string, { certificate, keys }: Issuer, nowMs: number): Promise<string> {
  const request = new Pkcs10CertificateRequest(csr);
  const names = request.extensions.some(({ type }) => type === '2.5.29.17');
  const made = await X509CertificateGenerator.create({
    subject: request.subjectName,
    issuer: new X509Certificate(certificate).subject.split('\n').reverse().join(', '),
    notBefore: new Date(nowMs),
    notAfter: new Date(nowMs + 60_000),
    publicKey: new PublicKey(request.publicKey.rawData),
    signingKey: keys.privateKey,
    signingAlgorithm: signingAlgorithm(keys.publicKey),
    extensions: [
      ...request.extensions,
      ...(names ? [] : [url(own)]),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    ],
  });
  return made.toString('pem');
}

describe('issuance, attacked with a request for', () => {
  const { ca, keys: store, clock } = testCa();
  let issuer: Issuer;
  const held = new Set<string>();
  const means: IssuanceMeans = {
    ca,
    attestors: [
      { kind: 'test', attest: async () => ({ outcome: 'proven', id, evidence: { kind: 'test', details: {} } }) },
    ],
    record: { issued: async () => {}, denied: async () => {} },
    limit: { take: () => true },
    isBanned: async () => false,
  };
  beforeAll(async () => {
    await ca.open();
    const [keys] = [...store.keys.values()];
    if (!keys) throw new Error('no CA key');
    issuer = { certificate: ca.bundle.value?.roots[0] ?? '', keys };
  });

  /** What is wrong with a certificate for the caller, as OpenSSL reads it; undefined: nothing. */
  function breach(pem: string): string | undefined {
    const leaf = new X509Certificate(pem);
    const { asymmetricKeyType, asymmetricKeyDetails: details } = leaf.publicKey;
    if (leaf.subjectAltName !== `URI:${own}`) return 'its names are not the caller’s alone';
    if (leaf.ca || leaf.subject) return 'it is a CA, or has a subject';
    if (!held.has(keyHash(leaf.publicKey))) return 'the caller does not hold its key';
    const weak = (details?.modulusLength ?? 0) < 2048 || (details?.publicExponent ?? 0n) < 65_537n;
    if (asymmetricKeyType === 'rsa' && weak) return 'its key is weak';
    const parsed = new Certificate(pem);
    // OpenSSL reads the first of several extensions of names alone.
    if (parsed.extensions.filter(({ type }) => type === '2.5.29.17').length !== 1) return 'it has names twice';
    const usages = parsed.getExtension(KeyUsagesExtension)?.usages ?? 0;
    if (usages & KeyUsageFlags.keyCertSign) return 'it may sign certificates';
    return leaf.keyUsage?.length === 2 ? undefined : 'its usages are not an SVID’s';
  }

  it('nothing odd, gives an SVID', async () => {
    const keys = ec();
    held.add(keyHash(keys.publicKey));
    const issuance = await issueCertificate(
      { csr: await requestOf({ keys }), lifeSeconds: 0, credentials: { peer: 'x:1' } },
      means,
    );
    expect(issuance.ok && breach(issuance.certificateChain[0] ?? '')).toBeUndefined();
    // So does the CA without guards: what it breaks below is the attack's doing.
    expect(breach(await unguarded(await requestOf({ keys }), issuer, clock.nowMs()))).toBeUndefined();
  });

  it.each(Object.entries(attacks))(
    '%s, refuses it or gives the caller’s own name and nothing else',
    async (_, attack) => {
      const keys = attack.keys ?? ec();
      held.add(keyHash(keys.publicKey));
      const csr = await requestOf({ ...attack, keys });
      const issuance = await issueCertificate({ csr, lifeSeconds: 0, credentials: { peer: 'x:1' } }, means);
      if (issuance.ok) expect(breach(issuance.certificateChain[0] ?? '')).toBeUndefined();
      else expect(issuance.code).toBe('invalid-argument');
      // The guard is what makes it so.
      expect(breach(await unguarded(csr, issuer, clock.nowMs()))).toEqual(expect.any(String));
    },
  );
});
