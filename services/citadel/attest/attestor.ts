// The attestor port: one way of proving who a caller is. attestor-contract.ts is its suite; a new platform is one new file here.
import type { EvidenceRecord } from '../../../events/identity-facts.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import { formatSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';

/** What a caller shows. */
export interface Credentials {
  /** From `authorization: Bearer …`. */
  readonly token?: string;
  /** DER: the client certificate; TLS has verified it against the trust bundle and that the caller holds its key. */
  readonly peerCertificate?: Buffer;
  /** Of the key that a certificate is asked for: the caller has shown by its signature that it holds it. */
  readonly keyHash?: string;
  /** `address:port`. */
  readonly peer: string;
}

/** Of credentials that are good for one key. */
export type OneTimeUse = 'first' | 'again';

/** What an attestor makes of it. `reason` and `evidence` never hold the credentials themselves. */
export type Attestation =
  | {
      readonly outcome: 'proven';
      readonly id: SpiffeId;
      readonly evidence: EvidenceRecord;
      /** Of credentials that are good for one key: whether they were used for this key before. */
      readonly use?: OneTimeUse;
    }
  | { readonly outcome: 'refused'; readonly reason: string; readonly evidence?: EvidenceRecord }
  /** These are credentials of another kind: ask the next attestor. */
  | { readonly outcome: 'not-mine' };

/** One way of proving an identity. Rejects with MeshError `unavailable` when what it has to ask can't be reached: nobody is let in then. */
export interface Attestor {
  /** Of evidence, in events: `jwt`, `join-token`. */
  readonly kind: string;
  attest(credentials: Credentials): Promise<Attestation>;
}

/** Longer ones are no tokens; projected ones have about 1,200 bytes. */
export const maxTokenBytes = 16 * 1024;
/** Shorthand for attestors. */
export const notMine: Attestation = { outcome: 'not-mine' };
/** Shorthand for attestors. */
export const refused = (reason: string, evidence?: EvidenceRecord): Attestation => ({
  outcome: 'refused',
  reason,
  ...(evidence && { evidence }),
});

/** Proven, unless the names can't be in a SPIFFE ID: nobody's name may become another's path. */
export function provenIf(id: SpiffeId, evidence: EvidenceRecord): Attestation {
  try {
    formatSpiffeId(id);
    return { outcome: 'proven', id, evidence };
  } catch (error) {
    return refused(messageOf(error), evidence);
  }
}

/** Asks the attestors in order; the first that knows this kind of credentials decides. */
export async function attestCaller(attestors: readonly Attestor[], credentials: Credentials): Promise<Attestation> {
  if ((credentials.token?.length ?? 0) > maxTokenBytes) return refused('the token is too long');
  for (const attestor of attestors) {
    const attestation = await attestor.attest(credentials);
    if (attestation.outcome !== 'not-mine') return attestation;
  }
  const shown = credentials.token ?? credentials.peerCertificate;
  return refused(
    shown ? 'the credentials are of no kind that is accepted here' : 'neither a token nor a certificate was shown',
  );
}
