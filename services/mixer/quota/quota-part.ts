// The part of Mixer that proxies ask about quotas alone: the rate limit service.
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMeans, MixerPart } from '../mixer.ts';
import { QuotaRules } from './quota-rules.ts';
import { rateLimitServer } from './rate-limit-server.ts';

/** See the file's first line. The check part runs the handlers. */
export function quotaPart({ metrics }: MixerMeans, handlers: HandlerSet): MixerPart {
  const rules = new QuotaRules();
  return {
    grpc: [rateLimitServer({ rules, handlers, metrics })],
    use: ({ config }) => rules.use(compilePolicies(config)),
  };
}
