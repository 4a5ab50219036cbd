// Issues certificates: self-signed roots, and X.509-SVIDs; each is read back with OpenSSL and checked before it leaves.
import { type KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { MeshError } from '../../../lib/mesh-error.ts';
import { formatSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import { type KeyPair, signingAlgorithm, spkiOf } from './keys.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Certificate,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from './library.ts';
import { type SvidTemplate, sealCertificate, svidTemplate, tbsCertificate } from './svid-encoding.ts';

/** A certificate that signs, and its key. */
export interface Issuer {
  /** PEM. */
  readonly certificate: string;
  readonly keys: KeyPair;
}

/** What was issued. */
export interface IssuedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** Hex. */
  readonly serial: string;
  /** RFC 3339. */
  readonly notBefore: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

/** What signing needs of an issuer again and again: parsing it costs more than signing. */
interface ParsedIssuer {
  readonly certificate: Certificate;
  /** The issuer's own key id, which need not be the hash that we would make of its key. */
  readonly keyId: AuthorityKeyIdentifierExtension | undefined;
  readonly forChecks: X509Certificate;
  readonly publicKey: KeyObject;
  readonly template: Promise<SvidTemplate>;
}
const parsedIssuers = new WeakMap<Issuer, ParsedIssuer>();

function parsed(issuer: Issuer): ParsedIssuer {
  const known = parsedIssuers.get(issuer);
  if (known) return known;
  const certificate = new Certificate(issuer.certificate);
  const ownId = certificate.getExtension(SubjectKeyIdentifierExtension)?.keyId;
  const keyId = ownId === undefined ? undefined : new AuthorityKeyIdentifierExtension(ownId);
  const forChecks = new X509Certificate(issuer.certificate);
  const template = templateOf(certificate, { issuer, keyId });
  const made = { certificate, keyId, forChecks, publicKey: forChecks.publicKey, template };
  parsedIssuers.set(issuer, made);
  return made;
}

async function templateOf(
  certificate: Certificate,
  { issuer, keyId }: { readonly issuer: Issuer; readonly keyId: AuthorityKeyIdentifierExtension | undefined },
): Promise<SvidTemplate> {
  const { rawData: authorityKeyId } = keyId ?? (await AuthorityKeyIdentifierExtension.create(certificate.publicKey));
  return svidTemplate({
    algorithm: signingAlgorithm(issuer.keys.publicKey),
    issuerName: certificate.subjectName.toArrayBuffer(),
    extensions: svidExtensions.map(({ rawData }) => rawData),
    authorityKeyId,
  });
}

/** So that a verifier whose clock is a little late takes a new certificate. */
export const backdateMs = 60_000;
/** Ten years, as istiod's: a rotation replaces it long before. */
const rootLifeMs = 10 * 365 * 86_400_000;

/** Makes a root that signs leaves. Its URI SAN is its trust domain (X509-SVID.md, section 3.2). */
export async function issueRoot(options: {
  readonly trustDomain: string;
  /** Tells roots of one trust domain apart in people's tools. */
  readonly name: string;
  readonly keys: KeyPair;
  readonly nowMs: number;
}): Promise<IssuedCertificate> {
  return await issueCa({ ...options, lifeMs: rootLifeMs, pathLength: 0 });
}

/** Makes a CA certificate: self-signed, or signed by `issuer` (an intermediate). `pathLength`: how many CAs may follow below it. */
export async function issueCa(options: {
  readonly trustDomain: string;
  readonly name: string;
  readonly keys: KeyPair;
  readonly nowMs: number;
  readonly lifeMs: number;
  readonly pathLength: number;
  readonly issuer?: Issuer;
}): Promise<IssuedCertificate> {
  const { trustDomain, name, keys, issuer, pathLength } = options;
  const subject = [{ O: [trustDomain] }, { CN: [name] }];
  const issued = await sign({
    ...options,
    publicKey: keys.publicKey,
    subject,
    issuerKeys: issuer?.keys ?? keys,
    ...(issuer && { signer: parsed(issuer) }),
    extensions: [
      new BasicConstraintsExtension(true, pathLength, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
    ],
  });
  const problem = caProblem(issued.certificate, issuer?.certificate ?? issued.certificate);
  if (problem) throw new MeshError('corrupt', `the CA certificate just made is wrong: ${problem}`);
  return issued;
}

/** The same in every SVID. */
const svidExtensions: readonly Extension[] = [
  new BasicConstraintsExtension(false, undefined, true),
  new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
];

/**
 * Issues an X.509-SVID (github.com/spiffe/spiffe, standards/X509-SVID.md): one URI SAN, critical as the subject is empty; no CA;
 * digitalSignature; server and client auth. It ends no later than its issuer. Throws MeshError `corrupt` when reading it back shows
 * anything else, `unavailable` when the issuer has expired.
 */
export async function issueSvid(options: {
  readonly id: SpiffeId;
  readonly publicKey: KeyObject;
  readonly issuer: Issuer;
  readonly nowMs: number;
  readonly lifeMs: number;
  /** More names, for Citadel's own server alone: clients that know no SPIFFE look for them. */
  readonly dnsNames?: readonly string[];
}): Promise<IssuedCertificate> {
  const { id, publicKey, issuer, nowMs, dnsNames = [] } = options;
  const uri = formatSpiffeId(id);
  const signer = parsed(issuer);
  const untilMs = Math.min(nowMs + options.lifeMs, signer.forChecks.validToDate.getTime());
  if (untilMs <= nowMs) throw new MeshError('unavailable', 'the signing certificate has expired');
  const template = await signer.template;
  const validity = validityOf(nowMs, untilMs - nowMs);
  const serial = randomSerial();
  const tbs = tbsCertificate(template, { ...validity, serial, publicKey: spkiOf(publicKey), uri, dnsNames });
  const { privateKey } = issuer.keys;
  const algorithm = signingAlgorithm(issuer.keys.publicKey);
  const signature = await webcrypto.subtle.sign(algorithm, privateKey, tbs.toBER());
  const issued = issuedOf(sealCertificate(template, tbs, signature), { serial, ...validity });
  const problem = svidProblem(issued.certificate, { uri, publicKey, issuer: signer.forChecks, dnsNames });
  if (problem) throw new MeshError('corrupt', `the certificate just made is wrong: ${problem}`);
  return issued;
}

interface SignOptions {
  readonly publicKey: KeyObject;
  readonly subject: readonly Record<string, string[]>[];
  readonly issuerKeys: KeyPair;
  /** Absent: self-signed. */
  readonly signer?: ParsedIssuer;
  readonly nowMs: number;
  readonly lifeMs: number;
  readonly extensions: readonly Extension[];
}

async function sign(options: SignOptions): Promise<IssuedCertificate> {
  const { signer, issuerKeys, nowMs } = options;
  const publicKey = new PublicKey(spkiOf(options.publicKey));
  const serial = randomSerial();
  const { notBefore, notAfter } = validityOf(nowMs, options.lifeMs);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial,
    subject: [...options.subject],
    issuer: signer?.certificate.subjectName ?? [...options.subject],
    notBefore,
    notAfter,
    publicKey,
    signingKey: issuerKeys.privateKey,
    signingAlgorithm: signingAlgorithm(issuerKeys.publicKey),
    extensions: [
      ...options.extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      signer?.keyId ?? (await AuthorityKeyIdentifierExtension.create(signer?.certificate.publicKey ?? publicKey)),
    ],
  });
  return issuedOf(`${certificate.toString('pem')}\n`, { serial, notBefore, notAfter });
}

const issuedOf = (
  certificate: string,
  of: { readonly serial: string; readonly notBefore: Date; readonly notAfter: Date },
): IssuedCertificate => ({
  certificate,
  serial: of.serial,
  notBefore: of.notBefore.toISOString(),
  notAfter: of.notAfter.toISOString(),
});

const validityOf = (nowMs: number, lifeMs: number) => ({
  notBefore: new Date(wholeSeconds(nowMs - backdateMs)),
  notAfter: new Date(wholeSeconds(nowMs + lifeMs)),
});

/** 128 random bits; a first octet of 1 keeps it positive and its length fixed (RFC 5280, 4.1.2.2: at most 20 octets). */
const randomSerial = () => `01${randomBytes(16).toString('hex')}`;
/** Certificates hold whole seconds. */
const wholeSeconds = (ms: number) => Math.floor(ms / 1000) * 1000;

/** OpenSSL's names of serverAuth and clientAuth. */
const svidUsages = '1.3.6.1.5.5.7.3.1,1.3.6.1.5.5.7.3.2';

/** What is wrong with a leaf, as OpenSSL reads it; undefined: nothing. */
export function svidProblem(
  pem: string,
  wanted: {
    readonly uri: string;
    readonly publicKey: KeyObject;
    /** PEM when it is text. */
    readonly issuer: string | X509Certificate;
    readonly dnsNames?: readonly string[];
  },
): string | undefined {
  const leaf = new X509Certificate(pem);
  if (leaf.ca) return 'it is a CA';
  if (leaf.subject) return 'its subject is not empty';
  const names = [`URI:${wanted.uri}`, ...(wanted.dnsNames ?? []).map((name) => `DNS:${name}`)].join(', ');
  if (leaf.subjectAltName !== names) return 'its names are not the one that was meant';
  if (!leaf.publicKey.equals(wanted.publicKey)) return 'its key is another';
  if (leaf.keyUsage?.join() !== svidUsages) return 'its usages are not server and client authentication';
  const { issuer } = wanted;
  return signatureProblem(leaf, typeof issuer === 'string' ? new X509Certificate(issuer) : issuer);
}

/** What is wrong with a CA certificate that `issuer` (PEM) is said to have signed; undefined: nothing. */
export function caProblem(pem: string, issuer: string): string | undefined {
  const certificate = new X509Certificate(pem);
  return certificate.ca ? signatureProblem(certificate, new X509Certificate(issuer)) : 'it is no CA certificate';
}

function signatureProblem(certificate: X509Certificate, issuer: X509Certificate): string | undefined {
  if (!certificate.checkIssued(issuer)) return 'its issuer is another, or may not sign';
  return certificate.verify(issuer.publicKey) ? undefined : 'its signature is not its issuer’s';
}
