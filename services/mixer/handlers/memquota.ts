// Quotas counted in memory: this Mixer's, or where the log's store keeps counts, all Mixers' together (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters/memquota).
import { MeshError } from '../../../lib/mesh-error.ts';
import { durationMs } from '../../../mesh/config/quantities.ts';
import type { MemquotaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { type AttributeValue, textOf } from '../../../mesh/policy/attributes.ts';
import { limitFor } from '../../../mesh/policy/quota-charges.ts';
import type { QuotaCounting, QuotaTaken } from '../quota/quota-charge.ts';
import type { QuotaLimit } from '../quota/quota-count.ts';
import { QuotaCounts } from '../quota/quota-counts.ts';
import { SharedQuotaCounts } from '../quota/shared-counts.ts';
import { type FieldValue, type HandlerKind, type Instance, type QuotaResult, rpcCodes } from './handler.ts';

type Quota = NonNullable<MemquotaParams['quotas']>[number];

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
        const key = JSON.stringify([instance.name, ...[...dimensions].sort(byName)]);
        const taken = counts.take({ key, limit, ...request }, clock.nowMs(), signal);
        const answer = (one: QuotaTaken) => resultOf(one, { handler: name, instance: instance.name, limit });
        return taken instanceof Promise ? taken.then(answer) : answer(taken);
      },
    };
  },
};

function resultOf(
  taken: QuotaTaken,
  of: { readonly handler: string; readonly instance: string; readonly limit: QuotaLimit },
): QuotaResult {
  if (taken === 'full') return refused(`${of.handler}: too many combinations of dimensions are counted`);
  const { granted, left, resetMs } = taken;
  const { maxAmount, windowMs } = of.limit;
  const standing = { maxAmount, windowMs, left, resetMs };
  if (granted === 0) return { ...refused(`Quota is exhausted for: ${of.instance}`), standing };
  return { status: { code: rpcCodes.ok, message: '' }, granted, validForMs: windowMs, standing };
}

function refused(message: string): QuotaResult {
  return { status: { code: rpcCodes.resourceExhausted, message }, granted: 0, validForMs: 0 };
}

function dimensionsOf({ fields }: Instance): ReadonlyMap<string, string> {
  const { dimensions } = fields;
  if (!isMap(dimensions)) return new Map();
  return new Map(Object.entries(dimensions).map(([name, value]) => [name, textOf(value as AttributeValue)]));
}

function isMap(value: FieldValue | undefined): value is Readonly<Record<string, FieldValue>> {
  return typeof value === 'object' && value !== null;
}

/** The first override all of whose dimensions agree; else the quota's own limit. */
function limitOf(quota: Quota, dimensions: ReadonlyMap<string, string>): QuotaLimit {
  const override = quota.overrides?.find(({ dimensions: wanted = {} }) =>
    Object.entries(wanted).every(([name, value]) => dimensions.get(name) === value),
  );
  const { maxAmount = 0, validDuration } = override ?? quota;
  return {
    maxAmount,
    windowMs: durationMs(validDuration ?? '') ?? 0,
    algorithm: quota.rateLimitAlgorithm ?? 'ROLLING_WINDOW',
  };
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
