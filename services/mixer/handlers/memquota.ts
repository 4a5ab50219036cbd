// Quotas counted in this Mixer's memory (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters/memquota).
import { MeshError } from '../../../lib/mesh-error.ts';
import { durationMs } from '../../../mesh/config/quantities.ts';
import type { MemquotaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { type AttributeValue, textOf } from '../../../mesh/policy/attributes.ts';
import { limitFor } from '../../../mesh/policy/quota-charges.ts';
import type { QuotaLimit } from '../quota/quota-count.ts';
import { QuotaCounts } from '../quota/quota-counts.ts';
import { type FieldValue, type HandlerKind, type Instance, rpcCodes } from './handler.ts';

type Quota = NonNullable<MemquotaParams['quotas']>[number];

/** See the file's first line. Each Mixer counts for itself, and from nothing when it starts. */
export const memquota: HandlerKind<MemquotaParams> = {
  name: 'memquota',
  templates: ['quota'],
  create: ({ quotas = [], minDeduplicationDuration }, { name, clock }) => {
    const minDeduplicationMs = durationMs(minDeduplicationDuration ?? '');
    const counts = new QuotaCounts(minDeduplicationMs === undefined ? {} : { minDeduplicationMs });
    return {
      quota: (instance, request) => {
        const quota = limitFor(quotas, instance.name);
        if (quota === undefined)
          throw new MeshError('not-found', `handler ${name} has no limit for the instance ${instance.name}`);
        const dimensions = dimensionsOf(instance);
        const limit = limitOf(quota, dimensions);
        const key = JSON.stringify([instance.name, ...[...dimensions].sort(byName)]);
        const granted = counts.take({ key, limit, ...request }, clock.nowMs());
        if (granted === 'full') return refused(`${name}: too many combinations of dimensions are counted`);
        if (granted === 0) return refused(`Quota is exhausted for: ${instance.name}`);
        return { status: { code: rpcCodes.ok, message: '' }, granted, validForMs: limit.windowMs };
      },
    };
  },
};

function refused(message: string) {
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
