// What every request to Citadel goes through: a rate limit, a look at what was sent, proof of who asks, and a record of each refusal.
import type { EvidenceRecord } from '../../../events/identity-facts.ts';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { RateLimit } from '../../../lib/rate-limit.ts';
import { formatSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import { type Attestor, attestCaller, type Credentials, type OneTimeUse } from '../attest/attestor.ts';
import type { IssuanceRecord } from './issuance-record.ts';

/** gRPC's names of what went wrong. */
export type DenialCode =
  | 'invalid-argument'
  | 'unauthenticated'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'unavailable';

/** A refusal; `message` is for the caller and holds no secret. */
export interface Denial {
  readonly ok: false;
  readonly code: DenialCode;
  readonly message: string;
}

/** Who asks, proven. */
export interface Caller {
  readonly id: SpiffeId;
  readonly spiffeId: string;
  readonly evidence: EvidenceRecord;
  readonly peer: string;
  /** See Attestation. */
  readonly use?: OneTimeUse;
}

/** What answering stands on. */
export interface CallerMeans {
  readonly attestors: readonly Attestor[];
  readonly record: Pick<IssuanceRecord, 'denied'>;
  readonly limit: Pick<RateLimit, 'take'>;
  /** Whether nothing is to be given to this identity, however well it is proven. */
  readonly isBanned: (spiffeId: string) => Promise<boolean>;
}

/** What is wrong with a request, found before anybody is asked who the caller is: a one-time token is not spent on it. */
export type Read<Wanted> =
  | {
      readonly ok: true;
      readonly wanted: Wanted;
      /** Of the key that a certificate is asked for. */
      readonly keyHash?: string;
    }
  | { readonly ok: false; readonly reason: string };

/** Answers one request: `read` looks at it, `give` gives what was asked for or a text that says why not. Never rejects. */
export async function answerCaller<Wanted, Given>(
  credentials: Credentials,
  means: CallerMeans,
  work: {
    readonly read: () => Promise<Read<Wanted>>;
    readonly give: (caller: Caller, wanted: Wanted) => Promise<Given | string>;
  },
): Promise<{ readonly ok: true; readonly given: Exclude<Given, string> } | Denial> {
  const { peer } = credentials;
  const denied = async (code: DenialCode, reason: string, who: object = {}): Promise<Denial> => {
    await means.record.denied({ peer, reason, ...who });
    return { ok: false, code, message: reason };
  };
  if (!means.limit.take(hostOf(peer))) return await denied('resource-exhausted', 'too many requests; try again later');
  try {
    const read = await work.read();
    if (!read.ok) return await denied('invalid-argument', read.reason);
    const attested = await attestCaller(means.attestors, {
      ...credentials,
      ...(read.keyHash !== undefined && { keyHash: read.keyHash }),
    });
    if (attested.outcome === 'not-mine') return await denied('unauthenticated', 'nobody knows these credentials');
    if (attested.outcome === 'refused')
      return await denied('unauthenticated', attested.reason, attested.evidence && { evidence: attested.evidence });
    const { id, evidence, use } = attested;
    const caller = { id, evidence, peer, spiffeId: formatSpiffeId(id), ...(use && { use }) };
    if (await means.isBanned(caller.spiffeId)) {
      const who = { spiffeId: caller.spiffeId, evidence };
      return await denied('permission-denied', `the identity ${caller.spiffeId} is banned`, who);
    }
    const given = await work.give(caller, read.wanted);
    if (typeof given !== 'string') return { ok: true, given: given as Exclude<Given, string> };
    return await denied('permission-denied', given, { spiffeId: caller.spiffeId, evidence });
  } catch (error) {
    const message = error instanceof MeshError ? messageOf(error) : 'internal error';
    return await denied('unavailable', `nothing can be issued now: ${message}`);
  }
}

/** The address without the port, which differs with each connection. */
const hostOf = (peer: string) => peer.replace(/:\d+$/, '');
