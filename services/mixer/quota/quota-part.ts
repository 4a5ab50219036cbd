// The part of Mixer that proxies ask about quotas alone: the rate limit service, and the rate limit quota service for leases.
import { MemoryCounts } from '../../../events/logs/memory-counts.ts';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import type { HandlerSet } from '../handlers/handler-set.ts';
import type { MixerMeans, MixerPart } from '../mixer.ts';
import { tellApartCounts } from './apart-counts.ts';
import { LeaseBook } from './lease-book.ts';
import { LeaseDesk } from './lease-desk.ts';
import { leaseServer } from './lease-server.ts';
import { QuotaRules } from './quota-rules.ts';
import { rateLimitServer } from './rate-limit-server.ts';

/** See the file's first line. The check part runs the handlers. */
export function quotaPart({ metrics, clock, logger, counts, name }: MixerMeans, handlers: HandlerSet): MixerPart {
  const rules = new QuotaRules();
  const book = new LeaseBook(counts ?? new MemoryCounts(() => clock.nowMs()));
  const desk = new LeaseDesk({ rules, book, clock, logger, metrics });
  const tell = counts === undefined ? tellApartCounts({ name, metrics, logger }) : undefined;
  return {
    grpc: [rateLimitServer({ rules, handlers, metrics }), leaseServer(desk)],
    use: (snapshot) => {
      rules.use(compilePolicies(snapshot.config));
      tell?.(snapshot);
    },
  };
}
