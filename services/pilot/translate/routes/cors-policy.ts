// Istio's CORS policy as the per-route configuration of Envoy's CORS filter.
import { create } from '@bufbuild/protobuf';
import {
  CorsPolicySchema,
  type CorsPolicy as EnvoyCorsPolicy,
} from '../../../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { durationMs } from '../../../../mesh/config/quantities.ts';
import type { CorsPolicy } from '../../../../mesh/config/schemas/virtual-service.ts';
import { runtimeFraction, wholePercent } from './percent.ts';
import { stringMatcher } from './string-match.ts';

/** Translates `corsPolicy` of a route. Preflights of other origins go on to the application unless it says IGNORE. */
export function corsPolicy(policy: CorsPolicy): EnvoyCorsPolicy {
  const origins = policy.allowOrigins ?? (policy.allowOrigin ?? []).map((exact) => ({ exact }));
  return create(CorsPolicySchema, {
    allowOriginStringMatch: origins.map(stringMatcher).filter((matcher) => matcher !== undefined),
    filterEnabled: runtimeFraction(wholePercent(100)),
    allowMethods: (policy.allowMethods ?? []).join(','),
    allowHeaders: (policy.allowHeaders ?? []).join(','),
    exposeHeaders: (policy.exposeHeaders ?? []).join(','),
    maxAge: policy.maxAge === undefined ? '' : String(Math.trunc((durationMs(policy.maxAge) ?? 0) / 1000)),
    forwardNotMatchingPreflights: policy.unmatchedPreflights !== 'IGNORE',
    ...(policy.allowCredentials === undefined ? {} : { allowCredentials: policy.allowCredentials }),
  });
}
