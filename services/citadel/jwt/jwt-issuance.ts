// From a request for a JWT-SVID to a token: callers get tokens of their own identity alone, and the log knows of each, not the token.
import type { JwtIssued } from '../../../events/identity-facts.ts';
import type { Credentials } from '../attest/attestor.ts';
import { answerCaller, type CallerMeans, type Denial } from '../csr/caller.ts';
import type { IssuanceRecord } from '../csr/issuance-record.ts';
import { audienceProblem, type JwtAuthority } from './jwt-authority.ts';

/** What one asks for. */
export interface JwtRequest {
  readonly audience: readonly string[];
  /** '': the caller's own. */
  readonly spiffeId: string;
  readonly credentials: Credentials;
}

/** What issuing stands on. */
export interface JwtMeans extends CallerMeans {
  readonly jwt: Pick<JwtAuthority, 'sign'>;
  readonly record: Pick<IssuanceRecord, 'jwtIssued' | 'denied'>;
}

/** A token and whose it is. */
export interface IssuedJwt {
  readonly spiffeId: string;
  readonly token: string;
}

/** Issues a token, or says why not. Never rejects. */
export async function issueJwtSvid(
  request: JwtRequest,
  means: JwtMeans,
): Promise<{ readonly ok: true; readonly given: IssuedJwt } | Denial> {
  const { audience } = request;
  return await answerCaller(request.credentials, means, {
    read: async () => {
      const reason = audienceProblem(audience);
      return reason === undefined ? { ok: true, wanted: audience } : { ok: false, reason };
    },
    give: async ({ id, spiffeId, peer, evidence }): Promise<IssuedJwt | string> => {
      if (request.spiffeId !== '' && request.spiffeId !== spiffeId)
        return 'a caller gets tokens of its own identity alone';
      const { token, ...recorded } = await means.jwt.sign({ id, audience });
      const data: JwtIssued['data'] = { spiffeId, audience, ...recorded, peer, evidence };
      await means.record.jwtIssued(data, `workload:${spiffeId}`);
      return { spiffeId, token };
    },
  });
}
