// Proves callers by the SVID that they still have: TLS has verified its chain and that they hold its key, so it renews itself.
import type { EvidenceRecord } from '../../../events/identity-facts.ts';
import type { Clock } from '../../../lib/clock.ts';
import { readSvid, type Svid } from '../x509/inspect.ts';
import { type Attestation, type Attestor, type Credentials, notMine, refused } from './attestor.ts';

/** Whose certificates, and when. */
export interface X509AttestorOptions {
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** Attests callers that come with a client certificate of this trust domain and no token. */
export function createX509Attestor(options: X509AttestorOptions): Attestor {
  const kind = 'x509';
  return {
    kind,
    async attest({ peerCertificate, token }: Credentials): Promise<Attestation> {
      if (peerCertificate === undefined || token !== undefined) return notMine;
      const svid = readSvid(peerCertificate);
      if (typeof svid === 'string') return refused(`the client certificate is no SVID: ${svid}`);
      const evidence = { kind, details: { serial: svid.serial, keyHash: svid.keyHash } };
      return svidAttestation(svid, evidence, options);
    },
  };
}

/** What a certificate whose chain was verified proves here and now. */
export function svidAttestation(svid: Svid, evidence: EvidenceRecord, options: X509AttestorOptions): Attestation {
  if (svid.id.trustDomain !== options.trustDomain) return refused('the SVID is of another trust domain', evidence);
  const nowMs = options.clock.nowMs();
  if (nowMs < svid.notBeforeMs || nowMs >= svid.notAfterMs) return refused('the SVID is not valid now', evidence);
  return { outcome: 'proven', id: svid.id, evidence };
}
