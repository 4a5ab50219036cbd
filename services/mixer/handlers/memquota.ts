// Quotas counted in memory: this Mixer's, or where the log's store keeps counts, all Mixers' together (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters/memquota).
import { MeshError } from '../../../lib/mesh-error.ts';
import { durationMs } from '../../../mesh/config/quantities.ts';
import type { MemquotaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { limitFor } from '../../../mesh/policy/quota-charges.ts';
import type { QuotaCounting, QuotaTaken } from '../quota/quota-charge.ts';
import { QuotaCounts } from '../quota/quota-counts.ts';
import { SharedQuotaCounts } from '../quota/shared-counts.ts';
import { countKey, dimensionsOf, limitOf, quotaResult } from './configured-quota.ts';
import type { HandlerKind } from './handler.ts';

/** See the file's first line. A Mixer that counts for itself does so from nothing when it starts. */
export const memquota: HandlerKind<MemquotaParams> = {
  name: 'memquota',
  templates: ['quota'],
  create: ({ quotas = [], minDeduplicationDuration }, { name, clock, counts: store }) => {
    const minDeduplicationMs = durationMs(minDeduplicationDuration ?? '');
    const answers = minDeduplicationMs === undefined ? {} : { minDeduplicationMs };
    const nowMs = () => clock.nowMs();
    const counts: QuotaCounting =
      store === undefined ? new QuotaCounts(answers) : new SharedQuotaCounts({ store, handler: name, nowMs, answers });
    return {
      quota: (instance, request, signal) => {
        const quota = limitFor(quotas, instance.name);
        if (quota === undefined)
          throw new MeshError('not-found', `handler ${name} has no limit for the instance ${instance.name}`);
        const dimensions = dimensionsOf(instance);
        const limit = limitOf(quota, dimensions);
        const key = countKey(instance.name, dimensions);
        const taken = counts.take({ key, limit, ...request }, clock.nowMs(), signal);
        const answer = (one: QuotaTaken) => quotaResult(one, { handler: name, instance: instance.name, limit });
        return taken instanceof Promise ? taken.then(answer) : answer(taken);
      },
    };
  },
};
