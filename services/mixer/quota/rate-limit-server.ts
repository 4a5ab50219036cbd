// Envoy's rate limit service (envoy.service.ratelimit.v3.RateLimitService): descriptors in, charges against quotas, their standing out.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type handleUnaryCall, type ServiceDefinition, status } from '@grpc/grpc-js';
import type { RateLimitDescriptor } from '../../../gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js';
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
  type RateLimitResponse_DescriptorStatus,
  RateLimitResponse_DescriptorStatusSchema,
  RateLimitResponseSchema,
  RateLimitResponse_RateLimit_Unit as Unit,
} from '../../../gen/envoy/service/ratelimit/v3/rls_pb.js';
import type { UnaryMethod, UnaryStatus } from '../../../lib/grpc-unary.ts';
import { checkCallKey, decodeCheckCall } from '../../../mesh/policy/check-call.ts';
import { fixedAmount } from '../../../mesh/policy/quota-charges.ts';
import { quotaKey } from '../../../mesh/policy/quota-descriptor.ts';
import type { WorkloadFacts } from '../../../mesh/policy/workload-facts.ts';
import { grpcMethod } from '../grpc-method.ts';
import type { GrpcService } from '../grpc-server.ts';
import { type QuotaResult, type QuotaStanding, rpcCodes } from '../handlers/handler.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMetrics } from '../metrics.ts';
import type { QuotaRule } from './charge-quotas.ts';
import type { QuotaRules } from './quota-rules.ts';

/** The service's one method; tests call it too. */
export const rateLimitService = {
  ShouldRateLimit: grpcMethod({
    path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    request: RateLimitRequestSchema,
    response: RateLimitResponseSchema,
  }),
} satisfies ServiceDefinition;

/** What the service is made of. */
export interface RateLimitServerOptions {
  readonly rules: QuotaRules;
  readonly handlers: Pick<HandlerSet, 'runner'>;
  readonly metrics: MixerMetrics;
}

/**
 * The service, ready for Mixer's gRPC port. Descriptors are charged in their order until one is refused. One that names no quota passes, as in
 * the reference service. Where a back end fails and its handler fails closed the call fails: the proxy's own setting decides.
 */
export function rateLimitServer(options: RateLimitServerOptions): GrpcService {
  const calls = options.metrics.counter('mixer_rate_limit_calls_total', 'Calls of the rate limit service, by verdict');
  let asked = 0;
  const answerTo = async (request: RateLimitRequest, text: unknown): Promise<RateLimitResponse | UnaryStatus> => {
    const facts = typeof text === 'string' ? factsOf(text) : undefined;
    // Ids of ours, apart from those of checks: what is asked twice is counted once.
    const deduplicationId = `rate-limit-${++asked}`;
    try {
      const response = await chargeAll(request, { ...options, facts, deduplicationId });
      calls.add({ verdict: response.overallCode === Code.OVER_LIMIT ? 'denied' : 'allowed' }, 1);
      return response;
    } catch (error) {
      calls.add({ verdict: 'failed' }, 1);
      const details = error instanceof BackEndFailure ? error.message : 'the charge failed';
      return { code: status.UNAVAILABLE, details };
    }
  };
  const handle: handleUnaryCall<RateLimitRequest, RateLimitResponse> = (call, done) => {
    void answerTo(call.request, call.metadata.get(checkCallKey)[0]).then((answer) =>
      'code' in answer ? done(answer) : done(null, answer),
    );
  };
  const frequent: UnaryMethod = async (message, { headers }) => {
    const answer = await answerTo(fromBinary(RateLimitRequestSchema, message), headers[checkCallKey]);
    return 'code' in answer ? answer : toBinary(RateLimitResponseSchema, answer);
  };
  return {
    definition: rateLimitService,
    implementation: { ShouldRateLimit: handle },
    frequent: new Map([[rateLimitService.ShouldRateLimit.path, frequent]]),
  };
}

/** Texts of proxies' configurations, decoded once: one a workload and policy version. */
const maxFacts = 10_000;
const decoded = new Map<string, WorkloadFacts | undefined>();

function factsOf(text: string): WorkloadFacts | undefined {
  if (!decoded.has(text)) {
    if (decoded.size >= maxFacts) decoded.clear();
    decoded.set(text, decodeCheckCall(text)?.facts);
  }
  return decoded.get(text);
}

/** Its message is for the caller. */
class BackEndFailure extends Error {}

interface Charging extends RateLimitServerOptions {
  readonly facts: WorkloadFacts | undefined;
  readonly deduplicationId: string;
}

async function chargeAll(
  { descriptors, hitsAddend }: RateLimitRequest,
  charging: Charging,
): Promise<RateLimitResponse> {
  const statuses: RateLimitResponse_DescriptorStatus[] = [];
  let refusal: string | undefined;
  for (const descriptor of descriptors) {
    const outcome = refusal === undefined ? await charge(descriptor, hitsAddend || 1, charging) : undefined;
    statuses.push(statusOf(outcome));
    if (outcome !== undefined && 'refusal' in outcome) refusal = outcome.refusal;
  }
  return create(RateLimitResponseSchema, {
    overallCode: refusal === undefined ? Code.OK : Code.OVER_LIMIT,
    statuses,
    rawBody: Buffer.from(refusal ?? ''),
  });
}

type Outcome = { readonly standing?: QuotaStanding } & ({ readonly refusal: string } | { readonly pass: true });

async function charge({ entries }: RateLimitDescriptor, hits: number, charging: Charging): Promise<Outcome> {
  const { rules, handlers, facts, deduplicationId } = charging;
  const rule = rules.find(entries.find(({ key }) => key === quotaKey)?.value ?? '');
  const amount = rule === undefined ? 0 : hits * costOf(rule, facts);
  if (rule === undefined || amount === 0) return { pass: true };
  const { handler, instance } = rule.action;
  const dimensions = Object.fromEntries(
    entries.filter(({ key }) => key !== quotaKey).map(({ key, value }) => [key, value]),
  );
  const result = await handlers
    .runner(handler)
    .quota(
      { template: 'quota', name: instance.name, fields: { dimensions } },
      { amount, bestEffort: false, deduplicationId },
    );
  return outcomeOf(result, amount);
}

/** What the rule charges each request to this workload; where a proxy does not say for which, one. */
function costOf({ action: { charges } }: QuotaRule, facts: WorkloadFacts | undefined): number {
  return fixedAmount(charges, facts ?? { services: {} }) ?? 1;
}

function outcomeOf({ status: { code, message }, granted, standing }: QuotaResult, amount: number): Outcome {
  const known = standing === undefined ? {} : { standing };
  if (granted >= amount) return { pass: true, ...known };
  if (code === rpcCodes.ok || code === rpcCodes.resourceExhausted) return { refusal: message, ...known };
  throw new BackEndFailure(message);
}

/** Units that Envoy has a name for, by their length in ms; others it is told nothing of. */
const units: ReadonlyMap<number, Unit> = new Map([
  [1_000, Unit.SECOND],
  [60_000, Unit.MINUTE],
  [3_600_000, Unit.HOUR],
  [86_400_000, Unit.DAY],
]);

/** One that was not charged any more is of unknown code. */
function statusOf(outcome: Outcome | undefined): RateLimitResponse_DescriptorStatus {
  if (outcome === undefined) return create(RateLimitResponse_DescriptorStatusSchema, { code: Code.UNKNOWN });
  const code = 'refusal' in outcome ? Code.OVER_LIMIT : Code.OK;
  if (outcome.standing === undefined) return create(RateLimitResponse_DescriptorStatusSchema, { code });
  const { maxAmount, windowMs, left, resetMs } = outcome.standing;
  return create(RateLimitResponse_DescriptorStatusSchema, {
    code,
    currentLimit: { requestsPerUnit: maxAmount, unit: units.get(windowMs) ?? Unit.UNKNOWN },
    limitRemaining: left,
    // Whole seconds, as the header has them; up, or a client would come back too early.
    durationUntilReset: { seconds: BigInt(Math.ceil(resetMs / 1_000)), nanos: 0 },
  });
}
