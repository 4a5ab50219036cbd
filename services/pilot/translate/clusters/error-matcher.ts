// DestinationRule's outlierDetectionHttpErrorCodes: which answers outlier detection counts as errors of the endpoint.
import { create, toBinary, type UnknownField } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  type MatchPredicate,
  MatchPredicateSchema,
} from '../../../../gen/envoy/config/common/matcher/v3/matcher_pb.js';

/**
 * `HttpProtocolOptions.outlier_detection` with a matcher for `codes` (statuses 100 to 599), which replace 5xx. Envoy 1.40 has the
 * field, the protos that we generate from do not yet; older Envoys ignore it.
 */
export function outlierErrors(codes: readonly number[]): UnknownField {
  const matcher = toBinary(MatchPredicateSchema, statusIn(codes));
  const errorMatcher = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(matcher).finish();
  const data = new BinaryWriter().bytes(errorMatcher).finish();
  return { no: 8, wireType: WireType.LengthDelimited, data };
}

function statusIn(codes: readonly number[]): MatchPredicate {
  const rules = codes.map(isStatus);
  const [only] = rules;
  if (only !== undefined && rules.length === 1) return only;
  return create(MatchPredicateSchema, { rule: { case: 'orMatch', value: { rules } } });
}

function isStatus(code: number): MatchPredicate {
  const headerMatchSpecifier = {
    case: 'stringMatch',
    value: { matchPattern: { case: 'exact', value: String(code) } },
  } as const;
  return create(MatchPredicateSchema, {
    rule: { case: 'httpResponseHeadersMatch', value: { headers: [{ name: ':status', headerMatchSpecifier }] } },
  });
}
