// Envoy's external authorization service (envoy.service.auth.v3.Authorization): a check in, a verdict out.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type handleUnaryCall, type ServiceDefinition, status } from '@grpc/grpc-js';
import {
  HeaderValueOption_HeaderAppendAction as AppendAction,
  type HeaderValueOption,
  HeaderValueOptionSchema,
} from '../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from '../../../gen/envoy/service/auth/v3/external_auth_pb.js';
import type { Clock } from '../../../lib/clock.ts';
import type { UnaryMethod, UnaryStatus } from '../../../lib/grpc-unary.ts';
import { type CheckCall, checkCallKey, decodeCheckCall } from '../../../mesh/policy/check-call.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { grpcMethod } from '../grpc-method.ts';
import type { GrpcService } from '../grpc-server.ts';
import type { CheckEngine } from './check-engine.ts';
import { outcomeOf } from './check-outcome.ts';
import { requestAttributes } from './request-attributes.ts';
import type { HeaderChange, Verdict } from './verdict.ts';

/** The service's one method; tests and the benchmark call it too. */
export const authorizationService = {
  Check: grpcMethod({
    path: '/envoy.service.auth.v3.Authorization/Check',
    request: CheckRequestSchema,
    response: CheckResponseSchema,
  }),
} satisfies ServiceDefinition;

/** Texts of proxies' configurations that are remembered decoded: one a workload and policy version. */
const maxCalls = 10_000;

/** The service, ready for Mixer's gRPC port. */
export function authorizationServer(options: {
  readonly engine: CheckEngine;
  readonly snapshot: () => Snapshot | undefined;
  readonly clock: Clock;
}): GrpcService {
  const { engine, snapshot, clock } = options;
  const calls = new Map<string, CheckCall | undefined>();
  const callOf = (text: string): CheckCall | undefined => {
    if (!calls.has(text)) {
      if (calls.size >= maxCalls) calls.clear();
      calls.set(text, decodeCheckCall(text));
    }
    return calls.get(text);
  };
  const verdictOn = async (request: CheckRequest, text: unknown): Promise<Verdict | UnaryStatus> => {
    const check = typeof text === 'string' ? callOf(text) : undefined;
    if (check === undefined)
      return { code: status.INVALID_ARGUMENT, details: `the call has no readable ${checkCallKey}` };
    const context = { request, facts: check.facts, registry: snapshot()?.registry, nowMs: clock.nowMs() };
    return await engine.check(check.rules, requestAttributes(context)).catch(() => failed);
  };
  const handle: handleUnaryCall<CheckRequest, CheckResponse> = (call, done) => {
    void verdictOn(call.request, call.metadata.get(checkCallKey)[0]).then((verdict) =>
      'code' in verdict ? done(verdict) : done(null, responseOf(verdict)),
    );
  };
  const frequent: UnaryMethod = async (message, { headers }) => {
    const request = fromBinary(CheckRequestSchema, message, { readUnknownFields: false });
    const verdict = await verdictOn(request, headers[checkCallKey]);
    return 'code' in verdict ? verdict : encodedResponseOf(verdict);
  };
  const { path } = authorizationService.Check;
  return { definition: authorizationService, implementation: { Check: handle }, frequent: new Map([[path, frequent]]) };
}

const failed: UnaryStatus = { code: status.INTERNAL, details: 'the check failed' };

/** Most requests pass as they are: that answer is encoded once. */
const plainPass = toBinary(
  CheckResponseSchema,
  responseOf({ denial: undefined, by: undefined, request: [], response: [], validForMs: 0, validUses: 0 }),
);

function encodedResponseOf(verdict: Verdict): Uint8Array {
  const { denial, cached, request, response } = verdict;
  const isPlain = denial === undefined && cached !== true && request.length === 0 && response.length === 0;
  return isPlain ? plainPass : toBinary(CheckResponseSchema, responseOf(verdict));
}

/** The verdict in Envoy's words. */
export function responseOf(verdict: Verdict): CheckResponse {
  const { denial, request, response, cached } = verdict;
  const outcome = denial !== undefined || cached === true ? { dynamicMetadata: outcomeOf(verdict) } : {};
  if (denial !== undefined) {
    return create(CheckResponseSchema, {
      ...outcome,
      status: { code: denial.code, message: denial.message },
      httpResponse: {
        case: 'deniedResponse',
        value: { status: { code: denial.httpStatus }, body: denial.message },
      },
    });
  }
  return create(CheckResponseSchema, {
    ...outcome,
    status: { code: 0 },
    httpResponse: {
      case: 'okResponse',
      value: {
        headers: request.filter(({ operation }) => operation !== 'REMOVE').map(headerOption),
        headersToRemove: request.filter(({ operation }) => operation === 'REMOVE').map(({ name }) => name),
        responseHeadersToAdd: response.filter(({ operation }) => operation !== 'REMOVE').map(headerOption),
      },
    },
  });
}

function headerOption({ name, operation, value }: HeaderChange): HeaderValueOption {
  const appendAction =
    operation === 'SET' ? AppendAction.OVERWRITE_IF_EXISTS_OR_ADD : AppendAction.APPEND_IF_EXISTS_OR_ADD;
  return create(HeaderValueOptionSchema, { header: { key: name, value }, appendAction, keepEmptyValue: true });
}
