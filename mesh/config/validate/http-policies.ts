// Validates the policies of an HTTP route: retries, fault injection, CORS.
import { grpcStatusNames } from '../grpc-status.ts';
import { isHttpStatusName } from '../http-status.ts';
import { durationMs } from '../quantities.ts';
import type { CorsPolicy, FaultAbort, HTTPFaultInjection, HTTPRetry } from '../schemas/virtual-service.ts';
import { didYouMean } from '../suggest-name.ts';
import { checkOneOf, forEachAt, type Place } from './place.ts';
import { checkHeaderName, checkPercent, checkPercentage, checkStringMatch, checkWholeSeconds } from './string-match.ts';

// envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#x-envoy-retry-on and #x-envoy-retry-grpc-on
const retryPolicies = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

/** Reports unknown retryOn policies and settings of retries that are switched off. */
export function checkRetries(retries: HTTPRetry, place: Place): void {
  if ((retries.attempts ?? 0) < 0) place.at('attempts').error(`can't be negative, found ${retries.attempts}`);
  if (!retries.attempts && (retries.perTryTimeout || retries.retryOn || retries.retryRemoteLocalities !== undefined))
    place.error('attempts is 0, which switches retries off, but other retry settings are given');
  if (!retries.retryOn) return;
  for (const name of retries.retryOn.split(',')) {
    if (retryPolicies.includes(name) || isHttpStatusName(name)) continue;
    const hint = name.trim() === name ? didYouMean(name, retryPolicies) : ': leave out the spaces';
    place.at('retryOn').error(`${JSON.stringify(name)} is neither a retry policy nor an HTTP status${hint}`);
  }
}

/** Reports faults that would do nothing or that Envoy can't inject. */
export function checkFault(fault: HTTPFaultInjection, place: Place): void {
  const { delay, abort } = fault;
  if (!delay && !abort) place.error('one of delay or abort must be set');
  if (delay) {
    const at = place.at('delay');
    checkOneOf(delay, ['fixedDelay', 'exponentialDelay'], at);
    if (delay.exponentialDelay) at.at('exponentialDelay').error('is not supported by Envoy; use fixedDelay');
    else if (!delay.fixedDelay) at.warn('has no effect without fixedDelay');
    checkPercent(delay.percentage, at.at('percentage'), { fine: true });
    checkPercentage(delay.percent, at.at('percent'));
    if (delay.percent !== undefined) at.at('percent').warn('is deprecated; use percentage');
  }
  if (abort) checkAbort(abort, place.at('abort'));
}

function checkAbort(abort: FaultAbort, place: Place): void {
  checkOneOf(abort, ['httpStatus', 'grpcStatus', 'http2Error'], place);
  const { httpStatus, grpcStatus, http2Error } = abort;
  if (http2Error !== undefined) place.at('http2Error').error('is not supported by Envoy; use httpStatus or grpcStatus');
  else if (httpStatus === undefined && grpcStatus === undefined)
    place.warn('has no effect without httpStatus or grpcStatus');
  if (httpStatus !== undefined && (httpStatus < 200 || httpStatus > 599))
    place.at('httpStatus').error(`expected an HTTP status from 200 to 599, found ${httpStatus}`);
  if (grpcStatus !== undefined && !grpcStatusNames.includes(grpcStatus))
    place
      .at('grpcStatus')
      .error(`unknown gRPC status ${JSON.stringify(grpcStatus)}${didYouMean(grpcStatus, grpcStatusNames)}`);
  checkPercent(abort.percentage, place.at('percentage'), { fine: true });
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*'];

/** Reports methods, headers, origins and ages that browsers or Envoy don't take. */
export function checkCors(cors: CorsPolicy, place: Place): void {
  forEachAt(cors.allowOrigins, place.at('allowOrigins'), (origin, at) => {
    checkStringMatch(origin, at, { emptyPrefix: true });
    if (!origin.exact && !origin.prefix && origin.regex === undefined)
      at.error('one of exact, prefix or regex must be set');
  });
  forEachAt(cors.allowMethods, place.at('allowMethods'), (method, at) => {
    if (!methods.includes(method))
      at.error(`unknown HTTP method ${JSON.stringify(method)}${didYouMean(method, methods)}`);
  });
  for (const name of ['allowHeaders', 'exposeHeaders'] as const) forEachAt(cors[name], place.at(name), checkHeaderName);
  checkWholeSeconds(durationMs(cors.maxAge ?? ''), place.at('maxAge'));
}
