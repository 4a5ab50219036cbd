// What became of a check, on its way to the report of the same request: Mixer tells Envoy, whose access log tells Mixer.
import type { Metadata } from '../../../gen/envoy/config/core/v3/base_pb.js';
import type { AttributeValue } from '../../../mesh/policy/attributes.ts';
import type { Denial } from '../../../mesh/policy/rules.ts';
import type { Verdict } from './verdict.ts';

/** Where Envoy keeps the dynamic metadata of an ext_authz response. */
const filter = 'envoy.filters.http.ext_authz';

/** The metadata that a response carries; a request that passed without being remembered needs none. */
export function outcomeOf({ denial, cached = false }: Verdict): { [field: string]: string | number | boolean } {
  const refusal = denial === undefined ? {} : { error_code: denial.code, error_message: denial.message };
  return { ...refusal, cache_hit: cached };
}

/** What a log entry tells of the check. */
export interface CheckedRequest {
  readonly metadata: Metadata | undefined;
  /** Envoy's response code details, which name the rule that its RBAC carried out. */
  readonly details: string;
  /** What a rule refuses with. */
  readonly denialOf: (rule: string) => Denial | undefined;
}

/** Value of a `check.…` or `quota.…` attribute. 0: nothing refused the request. Quotas are charged for each request, so none is remembered. */
export function outcomeAttribute(
  name: string,
  { metadata, details, denialOf }: CheckedRequest,
): AttributeValue | undefined {
  const told = metadata?.filterMetadata[filter];
  const rule = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(details)?.[1];
  const lowered = rule === undefined ? undefined : denialOf(rule);
  switch (name) {
    case 'check.error_code':
      return typeof told?.error_code === 'number' ? told.error_code : (lowered?.code ?? 0);
    case 'check.error_message':
      return typeof told?.error_message === 'string' ? told.error_message : lowered?.message;
    case 'check.cache_hit':
      return told?.cache_hit === true;
    case 'quota.cache_hit':
      return false;
    default:
      return undefined;
  }
}
