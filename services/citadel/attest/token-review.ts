// Proves callers by asking Kubernetes about their token (kubernetes.io, API reference, authentication.k8s.io/v1 TokenReview).
import { MeshError } from '../../../lib/mesh-error.ts';
import { askPlatform, type PlatformAccess } from './ask-platform.ts';
import { type Attestation, type Attestor, type Credentials, notMine, provenIf, refused } from './attestor.ts';
import { serviceAccountIdentity } from './jwt-claims.ts';

/** Where to ask. */
export interface TokenReviewOptions {
  /** The API server and our own token there, which needs the right to create tokenreviews; asked anew each time: tokens are rotated. */
  readonly access: () => Promise<PlatformAccess & { readonly token?: string }>;
  /** The token has to be made for this audience. */
  readonly audience: string;
  readonly trustDomain: string;
}

/** Compact JWTs, which all service-account tokens are. */
const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]+$/;

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
      return provenIf({ trustDomain: options.trustDomain, ...found.identity }, evidence);
    },
  };
}

async function review(token: string, options: TokenReviewOptions): Promise<Record<string, unknown>> {
  const { token: own, ...access } = await options.access();
  const spec = { token, audiences: [options.audience] };
  const { status, json } = await askPlatform(access, {
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    headers: own === undefined ? {} : { authorization: `Bearer ${own}` },
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec },
  });
  if (status === 200 || status === 201) return Object(Object(json).status);
  const hint = status === 403 ? ': Citadel needs the right to create tokenreviews (deploy/kubernetes/rbac.yaml)' : '';
  throw new MeshError('unavailable', `Kubernetes answered ${status} when asked about a token${hint}`);
}
