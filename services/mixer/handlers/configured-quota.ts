// Quotas as memquota and redisquota configure them: the limit for one combination of dimensions, and the answer when it was asked for.
import { durationMs } from '../../../mesh/config/quantities.ts';
import { type AttributeValue, textOf } from '../../../mesh/policy/attributes.ts';
import type { QuotaTaken } from '../quota/quota-charge.ts';
import type { QuotaLimit } from '../quota/quota-count.ts';
import { type FieldValue, type Instance, type QuotaResult, rpcCodes } from './handler.ts';

/** A quota as memquota and redisquota have it. */
export interface ConfiguredQuota {
  readonly name: string;
  readonly maxAmount?: number;
  readonly validDuration?: string;
  readonly rateLimitAlgorithm?: QuotaLimit['algorithm'];
  readonly overrides?: readonly {
    readonly dimensions?: Readonly<Record<string, string>>;
    readonly maxAmount?: number;
    readonly validDuration?: string;
  }[];
}

/** Values by dimension, as texts; those that are absent are left out. */
export type Dimensions = ReadonlyMap<string, string>;

/** Of an instance of the template quota. */
export function dimensionsOf({ fields }: Pick<Instance, 'fields'>): Dimensions {
  const { dimensions } = fields;
  if (!isMap(dimensions)) return new Map();
  return new Map(Object.entries(dimensions).map(([name, value]) => [name, textOf(value as AttributeValue)]));
}

function isMap(value: FieldValue | undefined): value is Readonly<Record<string, FieldValue>> {
  return typeof value === 'object' && value !== null;
}

/** The first override all of whose dimensions agree; else the quota's own limit. */
export function limitOf(quota: ConfiguredQuota, dimensions: Dimensions): QuotaLimit {
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

/** Names the count of an instance and its dimensions, in whatever order they are. */
export function countKey(instance: string, dimensions: Dimensions): string {
  return JSON.stringify([instance, ...[...dimensions].sort(byName)]);
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The answer to a charge. */
export function quotaResult(
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
