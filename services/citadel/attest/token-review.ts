// Proves callers by asking Kubernetes about their token (kubernetes.io, API reference, authentication.k8s.io/v1 TokenReview).
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { formatSpiffeId } from '../../../mesh/spiffe-id.ts';
import { type Attestation, type Attestor, type Credentials, notMine, refused } from './attestor.ts';
import { serviceAccountIdentity } from './jwt-claims.ts';

/** Where to ask. */
export interface TokenReviewOptions {
  /** `https://HOST:PORT`, without a path. */
  readonly apiServer: string;
  /** Citadel's own token, read again for each question: the kubelet rotates it. Needs the right to create tokenreviews. */
  readonly ownToken: () => Promise<string>;
  /** The token has to be made for this audience. */
  readonly audience: string;
  readonly trustDomain: string;
  /** Default the global one; another carries the cluster's CA. */
  readonly fetch?: typeof fetch;
  /** Default 5,000: the API server answers in milliseconds. */
  readonly timeoutMs?: number;
}

/** Compact JWTs, which all service-account tokens are. */
const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Answers are about 1 KiB. */
const maxAnswerBytes = 256 * 1024;

/** Attests callers that show a service-account token. Put it behind JWT attestors: it takes every JWT that is left. */
export function createTokenReviewAttestor(options: TokenReviewOptions): Attestor {
  const kind = 'token-review';
  return {
    kind,
    async attest({ token }: Credentials): Promise<Attestation> {
      if (token === undefined || !jwtPattern.test(token)) return notMine;
      const status = await review(token, options);
      const user = Object(status.user);
      const evidence = { kind, details: { username: String(user.username ?? '').slice(0, 500) } };
      if (status.authenticated !== true) return refused('Kubernetes does not accept the token', evidence);
      const { audiences } = status;
      if (!Array.isArray(audiences) || !audiences.includes(options.audience))
        return refused('the token is for another audience', evidence);
      const found = serviceAccountIdentity(user.username);
      if (!found.ok) return refused(`the token names no workload: ${found.reason}`, evidence);
      const id = { trustDomain: options.trustDomain, ...found.identity };
      try {
        formatSpiffeId(id);
      } catch (error) {
        return refused(messageOf(error), evidence);
      }
      return { outcome: 'proven', id, evidence };
    },
  };
}

async function review(token: string, options: TokenReviewOptions): Promise<Record<string, unknown>> {
  const { apiServer, audience, timeoutMs = 5_000 } = options;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } };
  const url = new URL('/apis/authentication.k8s.io/v1/tokenreviews', apiServer);
  try {
    const response = await (options.fetch ?? fetch)(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await options.ownToken()}` },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    if (text.length > maxAnswerBytes) throw new Error('its answer is too long');
    return Object(Object(JSON.parse(text)).status);
  } catch (error) {
    throw new MeshError('unavailable', `Kubernetes can not be asked about a token: ${messageOf(error)}`);
  }
}
