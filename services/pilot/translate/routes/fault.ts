// Istio's fault injection as the per-route configuration of Envoy's fault filter.
import { create } from '@bufbuild/protobuf';
import {
  type FaultDelay,
  FaultDelaySchema,
} from '../../../../gen/envoy/extensions/filters/common/fault/v3/fault_pb.js';
import {
  type FaultAbort,
  FaultAbortSchema,
  type HTTPFault,
  HTTPFaultSchema,
} from '../../../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { grpcStatusNames } from '../../../../mesh/config/grpc-status.ts';
import type {
  HTTPFaultInjection,
  FaultAbort as IstioAbort,
  FaultDelay as IstioDelay,
} from '../../../../mesh/config/schemas/virtual-service.ts';
import { durationOf } from './duration.ts';
import { fractionOf, wholePercent } from './percent.ts';

/** The faults of a route; undefined when none can be injected. A fault without a percentage hits no request, as in Istio. */
export function httpFault(fault: HTTPFaultInjection): HTTPFault | undefined {
  const delay = fault.delay && faultDelay(fault.delay);
  const abort = fault.abort && faultAbort(fault.abort);
  if (!delay && !abort) return undefined;
  return create(HTTPFaultSchema, { ...(delay ? { delay } : {}), ...(abort ? { abort } : {}) });
}

function faultDelay(delay: IstioDelay): FaultDelay | undefined {
  if (delay.fixedDelay === undefined) return undefined;
  return create(FaultDelaySchema, {
    percentage: delay.percentage ? fractionOf(delay.percentage.value ?? 0) : wholePercent(delay.percent ?? 0),
    faultDelaySecifier: { case: 'fixedDelay', value: durationOf(delay.fixedDelay) },
  });
}

function faultAbort(abort: IstioAbort): FaultAbort | undefined {
  const errorType = abortError(abort);
  if (errorType === undefined) return undefined;
  const percentage = abort.percentage && fractionOf(abort.percentage.value ?? 0);
  return create(FaultAbortSchema, { errorType, ...(percentage ? { percentage } : {}) });
}

function abortError(abort: IstioAbort): FaultAbort['errorType'] | undefined {
  if (abort.httpStatus !== undefined) return { case: 'httpStatus', value: abort.httpStatus };
  const code = grpcStatusNames.indexOf(abort.grpcStatus ?? '');
  return code < 0 ? undefined : { case: 'grpcStatus', value: code };
}
