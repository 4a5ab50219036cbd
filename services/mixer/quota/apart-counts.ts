// Says so when several Mixers count the same quotas apart: each then admits the whole limit, which nobody would notice otherwise.
import type { Logger } from '../../../lib/logger.ts';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import { mixerHostname, systemNamespace } from '../../../mesh/policy/mixer-service.ts';
import type { PolicyRule } from '../../../mesh/policy/rules.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { MixerMetrics } from '../metrics.ts';
import { isQuotaRule } from './charge-quotas.ts';

/** What the mesh has of the kind. */
export interface ApartCounts {
  /** Names of the other Mixers in the registry. */
  readonly others: readonly string[];
  /** Ids of rules whose counts Mixers would have to share: those of Redis are there, and proxies that count for themselves ask no Mixer. */
  readonly rules: readonly string[];
}

/** Rules and other Mixers, as the Mixer `name` sees them; undefined where no count is apart. */
export function apartCounts({ config, registry }: Pick<Snapshot, 'config' | 'registry'>, name: string) {
  const endpoints = registry.endpoints(`${systemNamespace}/${mixerHostname}`);
  const others = endpoints.map(({ id, workload }) => workload ?? id).filter((other) => other !== name);
  if (others.length === 0) return undefined;
  const rules = compilePolicies(config)
    .rules.filter(isShared)
    .map(({ id }) => id);
  return rules.length === 0 ? undefined : ({ others, rules } satisfies ApartCounts);
}

function isShared(rule: PolicyRule): boolean {
  return isQuotaRule(rule) && rule.action.handler.adapter === 'memquota' && rule.action.mode !== 'per-proxy';
}

/** Takes each newer snapshot; for a Mixer that has no counts in common with others. Logs when it becomes so, not with each snapshot. */
export function tellApartCounts(options: {
  readonly name: string;
  readonly metrics: MixerMetrics;
  readonly logger: Logger;
}): (snapshot: Pick<Snapshot, 'config' | 'registry'>) => void {
  const { name, metrics, logger } = options;
  const gauge = metrics.gauge('mixer_apart_counters', 'Other Mixers that count the same quotas apart from this one');
  let told = '';
  return (snapshot) => {
    const apart = apartCounts(snapshot, name);
    gauge.set({}, apart?.others.length ?? 0);
    const text = JSON.stringify(apart ?? '');
    if (text !== told && apart !== undefined)
      logger.error(
        { others: apart.others, rules: apart.rules },
        'several Mixers count these quotas apart, and each lets the whole limit pass: use a log in NATS (--log nats://…), redisquota, or one Mixer',
      );
    told = text;
  };
}
