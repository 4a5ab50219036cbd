// A workload's SVID with its key and the roots it verifies others with: checked as a whole before it is used or kept.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import type { ServerIdentity } from '../../lib/renewable-credentials.ts';
import { formatSpiffeId } from '../../mesh/spiffe-id.ts';
import { readSvid, splitCertificates } from '../../services/citadel/x509/inspect.ts';
import { caProblem } from '../../services/citadel/x509/issue.ts';

/** Everything that an Envoy needs for mutual TLS. PEM; it holds a private key, so it is never logged. */
export interface WorkloadSvid {
  readonly spiffeId: string;
  /** The SVID, then its intermediates. */
  readonly certificateChain: string;
  readonly privateKey: string;
  /** The trust bundle. */
  readonly roots: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** PEM, unchecked. */
export interface SvidParts {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly roots: string;
}

/**
 * The parts as an SVID, or why they are none: the key must be the certificate's, the chain must lead to a root, and the identity must be
 * the one expected (if one is). Time is not looked at: an expired SVID is one.
 */
export function workloadSvid(parts: SvidParts, expected?: string): WorkloadSvid | string {
  try {
    const chain = splitCertificates(parts.certificateChain);
    const roots = splitCertificates(parts.roots);
    const [first = '', ...intermediates] = chain;
    const svid = readSvid(first);
    if (typeof svid === 'string') return svid;
    const spiffeId = formatSpiffeId(svid.id);
    if (expected !== undefined && spiffeId !== expected) return `it is the identity ${spiffeId}, not ${expected}`;
    const leaf = new X509Certificate(first);
    if (!createPublicKey(createPrivateKey(parts.privateKey)).equals(leaf.publicKey)) return 'its key is another';
    if (!leadsToRoot(first, intermediates, roots)) return 'its chain does not lead to a root of its bundle';
    return { ...parts, spiffeId, notBeforeMs: svid.notBeforeMs, notAfterMs: svid.notAfterMs };
  } catch {
    return 'it can not be read'; // without what was read: it may be a key
  }
}

function leadsToRoot(leaf: string, intermediates: readonly string[], roots: readonly string[]): boolean {
  let certificate = new X509Certificate(leaf);
  for (const issuer of intermediates) {
    const next = new X509Certificate(issuer);
    if (!next.ca || !certificate.checkIssued(next) || !certificate.verify(next.publicKey)) return false;
    certificate = next;
  }
  return roots.some((pem) => {
    const root = new X509Certificate(pem);
    return caProblem(pem, pem) === undefined && certificate.checkIssued(root) && certificate.verify(root.publicKey);
  });
}

/** The SVID as a server shows it. */
export function serverIdentityOf({ certificateChain, privateKey, roots }: WorkloadSvid): ServerIdentity {
  return { certificateChain, privateKey, roots: splitCertificates(roots) };
}
