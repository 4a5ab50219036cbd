// Istio's percentages as Envoy's fractions.
import { create } from '@bufbuild/protobuf';
import {
  type RuntimeFractionalPercent,
  RuntimeFractionalPercentSchema,
} from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type FractionalPercent,
  FractionalPercent_DenominatorType,
  FractionalPercentSchema,
} from '../../../../gen/envoy/type/v3/percent_pb.js';
import { millionths } from '../../../../mesh/config/quantities.ts';

const { HUNDRED, MILLION } = FractionalPercent_DenominatorType;

/** `percent` (0 to 100) to a ten-thousandth of a percent. */
export function fractionOf(percent: number): FractionalPercent {
  return create(FractionalPercentSchema, { numerator: millionths(percent), denominator: MILLION });
}

/** A whole percentage. */
export function wholePercent(percent: number): FractionalPercent {
  return create(FractionalPercentSchema, { numerator: percent, denominator: HUNDRED });
}

/** A fraction that no runtime key overrides. */
export function runtimeFraction(defaultValue: FractionalPercent): RuntimeFractionalPercent {
  return create(RuntimeFractionalPercentSchema, { defaultValue });
}
