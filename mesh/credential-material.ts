// A credential's secret parts, read from a Kubernetes Secret or PEM files, and the port of what holds them. Never log or record these.
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateRecord, ObservedCredential } from '../events/credential-facts.ts';

/** Which credential: a Secret's namespace and name. */
export interface CredentialKey {
  readonly namespace: string;
  readonly name: string;
}

/** What proxies are sent, in PEM. */
export interface CredentialMaterial {
  readonly certificate?: { readonly chain: string; readonly privateKey: string };
  readonly authorities?: { readonly bundle: string; readonly revocations?: string };
}

/** What a source has: the material with its public face. `observed` says why where there is nothing usable. */
export interface FoundCredential {
  readonly material: CredentialMaterial;
  readonly observed: ObservedCredential;
}

/** Somewhere credentials are kept: a folder, a cluster. */
export interface CredentialSource {
  /** For people. */
  readonly name: string;
  /**
   * Follows one credential until `signal` aborts, then resolves; never rejects for another reason. `tell` hears what is there now and
   * whenever it changes; undefined: the source can be read and has none. While it can't be read nothing is told.
   */
  follow(key: CredentialKey, tell: (found: FoundCredential | undefined) => void, signal: AbortSignal): Promise<void>;
}

/** Longest value that is taken: Kubernetes' limit for a whole Secret. */
const maxBytes = 1 << 20;
const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * What the entries of a Secret mean, under Istio's names for them (istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/#key-formats):
 * `cert`, `key`, `cacert`, `crl`, or `tls.crt`, `tls.key`, `ca.crt`, `ca.crl`; the first where there are both, and never half of each. Values
 * are text; what can't be used is said without quoting it.
 */
export function credentialOf(key: CredentialKey, entries: Readonly<Record<string, string>>): FoundCredential {
  const problems: string[] = [];
  const certificate = readPair(...pairIn(entries), problems);
  const authorities = readAuthorities(entries.cacert || entries['ca.crt'], problems);
  const revocations = authorities && readRevocations(entries.cacert ? entries.crl : entries['ca.crl'], problems);
  if (!certificate && !authorities && problems.length === 0)
    problems.push('it has neither tls.crt and tls.key nor ca.crt');
  const material: CredentialMaterial = {
    ...(certificate && { certificate: certificate.pair }),
    ...(authorities && {
      authorities: { bundle: authorities.bundle, ...(revocations !== undefined && { revocations }) },
    }),
  };
  const observed: ObservedCredential = {
    ...key,
    ...(certificate && { certificate: certificate.record }),
    ...(authorities && { authorities: { certificates: authorities.records } }),
    ...((certificate || authorities) && { digest: digestOf(material) }),
    ...(problems.length > 0 && { problem: problems.join('; ') }),
  };
  return { material, observed };
}

function pairIn(entries: Readonly<Record<string, string>>): [chain: string | undefined, key: string | undefined] {
  const { cert, key, 'tls.crt': chain, 'tls.key': privateKey } = entries;
  if (cert && key) return [cert, key];
  return chain || privateKey ? [chain, privateKey] : [cert, key];
}

function readPair(chain: string | undefined, privateKey: string | undefined, problems: string[]) {
  if (!chain && !privateKey) return undefined;
  if (!chain || !privateKey) {
    problems.push(chain ? 'the private key is missing' : 'the certificate is missing');
    return undefined;
  }
  const certificates = readCertificates(chain, 'the certificate', problems);
  const [leaf] = certificates ?? [];
  const parsed = readKey(privateKey, problems);
  if (!certificates || !leaf || !parsed) return undefined;
  if (!leaf.checkPrivateKey(parsed)) {
    problems.push('the private key is not the certificate’s');
    return undefined;
  }
  return { pair: { chain: joined(certificates), privateKey }, record: recordOf(leaf) };
}

function readKey(pem: string, problems: string[]): KeyObject | undefined {
  try {
    if (pem.length > maxBytes) throw new Error();
    return createPrivateKey(pem);
  } catch {
    problems.push('the private key can’t be read: expected PEM without a passphrase');
    return undefined;
  }
}

function readAuthorities(pem: string | undefined, problems: string[]) {
  if (!pem) return undefined;
  const certificates = readCertificates(pem, 'the CA certificate', problems);
  return certificates && { bundle: joined(certificates), records: certificates.map(recordOf) };
}

function readRevocations(pem: string | undefined, problems: string[]): string | undefined {
  if (!pem) return undefined;
  if (pem.length <= maxBytes && pem.includes('-----BEGIN X509 CRL-----')) return pem;
  problems.push('the revocation list can’t be read: expected PEM');
  return undefined;
}

function readCertificates(pem: string, what: string, problems: string[]): X509Certificate[] | undefined {
  try {
    if (pem.length > maxBytes) throw new Error();
    const certificates = (pem.match(pemCertificate) ?? []).map((one) => new X509Certificate(one));
    if (certificates.length > 0) return certificates;
  } catch {
    // Said below, without what was in it.
  }
  problems.push(`${what} can’t be read: expected PEM`);
  return undefined;
}

function joined(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}

function recordOf(certificate: X509Certificate): CertificateRecord {
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfter: new Date(certificate.validTo).toISOString(),
  };
}

/** Of public bytes only: the private key is bound to the leaf, so that nothing of it need be hashed into the log. */
function digestOf({ certificate, authorities }: CredentialMaterial): string {
  const hash = createHash('sha256');
  for (const part of [certificate?.chain, authorities?.bundle, authorities?.revocations])
    hash.update(`${part?.length ?? -1}\n${part ?? ''}`);
  return hash.digest('hex');
}

/** Entries of a Kubernetes Secret as text: `data` is base64, `stringData` goes before it (kubernetes.io/docs/concepts/configuration/secret). */
export function entriesOfSecret(secret: {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}): Readonly<Record<string, string>> {
  const decoded = Object.entries(secret.data ?? {}).map(([name, value]) => [
    name,
    Buffer.from(value, 'base64').toString('utf8'),
  ]);
  return { ...Object.fromEntries(decoded), ...secret.stringData };
}
