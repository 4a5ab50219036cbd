// Why a request to a proxy would be denied: the reference evaluator's verdict on a description of it, now or at a moment.
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { AuthorizationPolicySpec } from '../../../mesh/config/schemas/authorization-policy.ts';
import type { PeerAuthenticationSpec } from '../../../mesh/config/schemas/peer-authentication.ts';
import type { RequestAuthenticationSpec } from '../../../mesh/config/schemas/request-authentication.ts';
import { proxyScope } from '../translate/compute-proxy-scope.ts';
import { createMemo } from '../translate/memo.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { type DryRun, evaluateDryRuns, evaluatePolicies, type Verdict } from '../translate/security/evaluate.ts';
import type { RequestDescription } from '../translate/security/evaluate-rule.ts';
import { type TokenRule, tokenRulesOf } from '../translate/security/explain-token.ts';
import { type MutualTlsMode, modeOfPort, mutualTlsModes } from '../translate/security/mutual-tls-mode.ts';
import { policiesOf } from '../translate/security/select-policies.ts';
import { reachableAuthorizers } from '../translate/security/workload-security.ts';
import { type AdminContext, snapshotFor } from './context.ts';
import { streamAt } from './routes-proxies.ts';
import { errorSchema } from './schemas.ts';

/** Answer of /proxies/ID/why-denied. */
export interface WhyDeniedAnswer {
  readonly position: number;
  /** What PeerAuthentications say of the port; STRICT refuses a request without a principal before any policy is asked. */
  readonly mutualTls: MutualTlsMode;
  readonly verdict: Verdict;
  /** What policies that only report would do. */
  readonly dryRuns: readonly DryRun[];
  /** Rules that a token has to satisfy before any policy is asked, with public keys. */
  readonly tokenRules: readonly TokenRule[];
}

const optional = Type.Optional;
const requestSchema = Type.Object(
  {
    principal: optional(Type.String({ description: 'SPIFFE ID of the peer; absent under plaintext' })),
    sourceIp: Type.String(),
    remoteIp: optional(Type.String()),
    destinationIp: optional(Type.String()),
    destinationPort: Type.Integer({ minimum: 0, maximum: 65_535 }),
    sni: optional(Type.String()),
    http: optional(
      Type.Object(
        {
          method: Type.String(),
          host: Type.String(),
          path: Type.String(),
          headers: Type.Record(Type.String(), Type.Array(Type.String())),
          claims: optional(Type.Record(Type.String(), Type.Unknown())),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
const querySchema = Type.Object({
  at: optional(Type.String({ description: 'A moment: a position, an RFC 3339 time or -15m' })),
  request: Type.String({
    maxLength: 65_536,
    description: 'The request in JSON: RequestDescription of evaluate-rule.ts',
  }),
});

/** Registers /proxies/ID/why-denied. */
export function registerWhyDeniedRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get<{ Params: { id: string }; Querystring: { at?: string; request: string } }>(
    '/proxies/:id/why-denied',
    {
      schema: {
        summary:
          'Whether a request to the workload behind a proxy is allowed, and which policy, rule and field decide it',
        tags: ['proxies'],
        querystring: querySchema,
        response: { '4xx': errorSchema },
      },
    },
    async ({ params, query }): Promise<WhyDeniedAnswer> => {
      const request = requestOf(query.request);
      const snapshot = await snapshotFor(context, query.at);
      const proxy = (await streamAt(context, params.id, undefined)).context as ProxyContext;
      const policies = policiesOf<AuthorizationPolicySpec>(snapshot, 'AuthorizationPolicy', proxy);
      const modes = mutualTlsModes(snapshot.config.list<PeerAuthenticationSpec>('PeerAuthentication'), {
        rootNamespace: snapshot.mesh.rootNamespace,
        namespace: proxy.namespace,
        labels: proxy.labels,
      });
      const memo = createMemo();
      const scope = proxyScope(snapshot, proxy, memo);
      return {
        position: snapshot.position,
        mutualTls: modeOfPort(modes, request.destinationPort),
        verdict: evaluatePolicies(policies, request, snapshot.mesh, reachableAuthorizers({ scope, memo })),
        dryRuns: evaluateDryRuns(policies, request, snapshot.mesh),
        tokenRules: tokenRulesOf(
          policiesOf<RequestAuthenticationSpec>(snapshot, 'RequestAuthentication', proxy),
          snapshot.keySets,
        ),
      };
    },
  );
}

function requestOf(text: string): RequestDescription {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MeshError('invalid', 'request is not JSON');
  }
  if (!Value.Check(requestSchema, value)) {
    const [first] = Value.Errors(requestSchema, value);
    throw new MeshError('invalid', `request${first ? `${first.instancePath}: ${first.message}` : ' is malformed'}`);
  }
  return value;
}
