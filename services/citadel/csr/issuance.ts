// From a signing request to a certificate: who asks is proven first, the request gives nothing but its key, and the log knows of it.
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { formatSpiffeId } from '../../../mesh/spiffe-id.ts';
import { type Attestor, attestCaller, type Credentials } from '../attest/attestor.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { parseCsr } from '../x509/csr.ts';
import { keyHash } from '../x509/keys.ts';
import type { IssuanceRecord } from './issuance-record.ts';
import type { RateLimit } from './rate-limit.ts';

/** What one asks for. */
export interface IssuanceRequest {
  /** PEM. */
  readonly csr: string;
  /** 0: the default. */
  readonly lifeSeconds: number;
  readonly credentials: Credentials;
}

/** What became of it; `message` is for the caller and holds no secret. */
export type Issuance =
  | { readonly ok: true; readonly certificateChain: readonly string[] }
  | { readonly ok: false; readonly code: DenialCode; readonly message: string };

/** gRPC's names of what went wrong. */
export type DenialCode = 'invalid-argument' | 'unauthenticated' | 'resource-exhausted' | 'unavailable';

/** What issuing stands on. */
export interface IssuanceMeans {
  readonly ca: Pick<CertificateAuthority, 'sign'>;
  readonly attestors: readonly Attestor[];
  readonly record: Pick<IssuanceRecord, 'issued' | 'denied'>;
  readonly limit: Pick<RateLimit, 'take'>;
}

/**
 * Issues a certificate, or says why not. Never rejects. The chain is as Istio's agents expect it: the SVID, intermediates, and last all
 * roots of the trust bundle in one text.
 */
export async function issueCertificate(request: IssuanceRequest, means: IssuanceMeans): Promise<Issuance> {
  const { credentials, lifeSeconds } = request;
  const { peer } = credentials;
  const denied = async (code: DenialCode, reason: string, who: object = {}): Promise<Issuance> => {
    await means.record.denied({ peer, reason, ...who });
    return { ok: false, code, message: reason };
  };
  if (!means.limit.take(hostOf(peer))) return await denied('resource-exhausted', 'too many requests; try again later');
  try {
    const parsed = await parseCsr(request.csr);
    if (!parsed.ok) return await denied('invalid-argument', `the signing request is refused: ${parsed.reason}`);
    if (!(lifeSeconds >= 0)) return await denied('invalid-argument', 'the life asked for is negative');
    const caller = await attestCaller(means.attestors, credentials);
    if (caller.outcome === 'not-mine') return await denied('unauthenticated', 'nobody knows these credentials');
    if (caller.outcome === 'refused')
      return await denied('unauthenticated', caller.reason, caller.evidence && { evidence: caller.evidence });
    const { id, evidence } = caller;
    const { publicKey, ignored } = parsed.request;
    const svid = await means.ca.sign({ id, publicKey, ...(lifeSeconds > 0 && { lifeMs: lifeSeconds * 1000 }) });
    const spiffeId = formatSpiffeId(id);
    const { serial, notBefore, notAfter, authority, certificate, intermediates, bundle } = svid;
    const names = { spiffeId, subjectAltNames: [spiffeId], keyHash: keyHash(publicKey) };
    const what = { serial, authority, bundle: bundle.hash, notBefore, notAfter, ignored };
    await means.record.issued({ ...names, peer, evidence, ...what });
    return { ok: true, certificateChain: [certificate, ...intermediates, bundle.roots.join('')] };
  } catch (error) {
    const message = error instanceof MeshError ? messageOf(error) : 'internal error';
    return await denied('unavailable', `no certificate can be issued now: ${message}`);
  }
}

/** The address without the port, which differs with each connection. */
const hostOf = (peer: string) => peer.replace(/:\d+$/, '');
