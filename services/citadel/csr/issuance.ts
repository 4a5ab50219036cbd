// From a signing request to a certificate: who asks is proven first, the request gives nothing but its key, and the log knows of it.
import type { Credentials } from '../attest/attestor.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { type CertificateRequest, parseCsr } from '../x509/csr.ts';
import { keyHash } from '../x509/keys.ts';
import { answerCaller, type Caller, type CallerMeans, type Denial, type Read } from './caller.ts';
import type { IssuanceRecord } from './issuance-record.ts';
import type { IssuedChain, RecentChains } from './recent-chains.ts';

/** What one asks for. */
export interface IssuanceRequest {
  /** PEM. */
  readonly csr: string;
  /** 0: the default. */
  readonly lifeSeconds: number;
  readonly credentials: Credentials;
}

/** What became of it. */
export type Issuance = { readonly ok: true; readonly certificateChain: readonly string[] } | Denial;

/** What issuing stands on. */
export interface IssuanceMeans extends CallerMeans {
  readonly ca: Pick<CertificateAuthority, 'sign'>;
  readonly record: Pick<IssuanceRecord, 'issued' | 'denied'>;
  /** Gives who asks again, because the answer got lost, the same chain; absent: a new one for the same key. */
  readonly recent?: RecentChains;
  /** Reads a request: csr.ts's by default, or a pool of threads. */
  readonly parse?: typeof parseCsr;
}

/**
 * Issues a certificate, or says why not. Never rejects. The chain is as Istio's agents expect it: the SVID, intermediates, and last all
 * roots of the trust bundle in one text.
 */
export async function issueCertificate(request: IssuanceRequest, means: IssuanceMeans): Promise<Issuance> {
  const { credentials, lifeSeconds } = request;
  const answer = await answerCaller(credentials, means, {
    read: async () => await readRequest(request, means.parse ?? parseCsr),
    give: async (caller, wanted) => {
      const issue = () => sign({ caller, wanted, lifeSeconds }, means);
      if (!caller.use || !means.recent) return (await issue()).chain;
      return await means.recent.chainFor(`${caller.spiffeId} ${keyHash(wanted.publicKey)}`, caller.use, issue);
    },
  });
  return answer.ok ? { ok: true, certificateChain: answer.given } : answer;
}

async function readRequest(
  { csr, lifeSeconds }: IssuanceRequest,
  parse: typeof parseCsr,
): Promise<Read<CertificateRequest>> {
  const parsed = await parse(csr);
  if (!parsed.ok) return { ok: false, reason: `the signing request is refused: ${parsed.reason}` };
  if (!(lifeSeconds >= 0)) return { ok: false, reason: 'the life asked for is negative' };
  return { ok: true, wanted: parsed.request, keyHash: keyHash(parsed.request.publicKey) };
}

async function sign(
  request: { readonly caller: Caller; readonly wanted: CertificateRequest; readonly lifeSeconds: number },
  means: IssuanceMeans,
): Promise<IssuedChain> {
  const { caller, lifeSeconds } = request;
  const { publicKey, ignored } = request.wanted;
  const { id, spiffeId, peer, evidence } = caller;
  const svid = await means.ca.sign({ id, publicKey, ...(lifeSeconds > 0 && { lifeMs: lifeSeconds * 1000 }) });
  const { serial, notBefore, notAfter, authority, certificate, intermediates, bundle } = svid;
  const names = { spiffeId, subjectAltNames: [spiffeId], keyHash: keyHash(publicKey) };
  const what = { serial, authority, bundle: bundle.hash, notBefore, notAfter, ignored };
  await means.record.issued({ ...names, peer, evidence, ...what });
  return { chain: [certificate, ...intermediates, bundle.roots.join('')], notAfter };
}
