// Validates the policies of an HTTP route: retries, fault injection, CORS.
import { grpcStatusNames } from '../grpc-status.ts';
import { durationMs } from '../quantities.ts';
import type { CorsPolicy, HTTPFaultInjection, HTTPRetry } from '../schemas/virtual-service.ts';
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
  for (const policy of (retries.retryOn ?? '').split(',')) {
    const name = policy.trim();
    if (name === '' || retryPolicies.includes(name)) continue;
    const isStatus = /^\d{3}$/.test(name) && Number(name) >= 100 && Number(name) < 600;
    if (!isStatus)
      place
        .at('retryOn')
        .error(
          `${JSON.stringify(name)} is neither a retry policy nor an HTTP status${didYouMean(name, retryPolicies)}`,
        );
  }
}

/** Reports faults that would do nothing or that Envoy can't inject. */
export function checkFault(fault: HTTPFaultInjection, place: Place): void {
  const { delay, abort } = fault;
  if (!delay && !abort) place.error('one of delay or abort must be set');
  if (delay) {
    const at = place.at('delay');
    checkOneOf(delay, ['fixedDelay', 'exponentialDelay'], at, { exactly: true });
    if (delay.exponentialDelay) at.at('exponentialDelay').error('is not supported by Envoy; use fixedDelay');
    checkPercent(delay.percentage, at.at('percentage'));
    checkPercentage(delay.percent, at.at('percent'));
  }
  if (abort) {
    const at = place.at('abort');
    checkOneOf(abort, ['httpStatus', 'grpcStatus', 'http2Error'], at, { exactly: true });
    if (abort.http2Error !== undefined)
      at.at('http2Error').error('is not supported by Envoy; use httpStatus or grpcStatus');
    const { httpStatus, grpcStatus } = abort;
    if (httpStatus !== undefined && (httpStatus < 200 || httpStatus > 599))
      at.at('httpStatus').error(`expected an HTTP status from 200 to 599, found ${httpStatus}`);
    if (grpcStatus !== undefined && !grpcStatusNames.includes(grpcStatus))
      at.at('grpcStatus').error(
        `unknown gRPC status ${JSON.stringify(grpcStatus)}${didYouMean(grpcStatus, grpcStatusNames)}`,
      );
    checkPercent(abort.percentage, at.at('percentage'));
  }
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*'];

/** Reports methods, headers, origins and ages that browsers or Envoy don't take. */
export function checkCors(cors: CorsPolicy, place: Place): void {
  forEachAt(cors.allowOrigins, place.at('allowOrigins'), (origin, at) => {
    checkStringMatch(origin, at);
    if (Object.keys(origin).length === 0) at.error('one of exact, prefix or regex must be set');
  });
  forEachAt(cors.allowMethods, place.at('allowMethods'), (method, at) => {
    if (!methods.includes(method))
      at.error(`unknown HTTP method ${JSON.stringify(method)}${didYouMean(method, methods)}`);
  });
  for (const name of ['allowHeaders', 'exposeHeaders'] as const) forEachAt(cors[name], place.at(name), checkHeaderName);
  checkWholeSeconds(durationMs(cors.maxAge ?? ''), place.at('maxAge'));
}
