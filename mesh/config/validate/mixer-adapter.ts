// Validates the parameters of Mixer's adapters, beside what their schemas say: what Mixer's own builders refused.
import { durationMs } from '../quantities.ts';
import type { ListcheckerParams, PrometheusParams, RedisquotaParams, StdioParams } from '../schemas/mixer-adapters.ts';
import { forEachAt, type Place } from './place.ts';

/** Mixer's default refresh of a list, in ms, and its ttl. */
const listDefaults = { refreshMs: 60_000, ttlMs: 300_000 } as const;

/** A list's ttl is no shorter than its refresh interval: it would be disbelieved between two reads (istio.io/v1.4, adapters/list). */
export function checkListTimes({ providerUrl, refreshInterval, ttl }: ListcheckerParams, place: Place): void {
  if (!providerUrl || ttl === undefined) return;
  const refreshMs = durationMs(refreshInterval ?? '') ?? listDefaults.refreshMs;
  if ((durationMs(ttl) ?? listDefaults.ttlMs) < refreshMs)
    place.at('ttl').error('expected at least refreshInterval, which is 60s by default');
}

/** Where stdio writes: a path goes with a file, and with a file alone (istio.io/v1.4, adapters/stdio). */
export function checkStdio({ logStream = 'STDOUT', outputPath }: StdioParams, place: Place): void {
  const writesFile = logStream === 'FILE' || logStream === 'ROTATED_FILE';
  if (writesFile && !outputPath) place.at('outputPath').error(`is required where logStream is ${logStream}`);
  if (!writesFile && outputPath) place.at('outputPath').error('is for a logStream of FILE or ROTATED_FILE alone');
}

/** Quotas that redisquota can count, and overrides that select something (istio.io/v1.4, adapters/redisquota). */
export function checkRedisquota({ quotas }: RedisquotaParams, place: Place): void {
  if (quotas === undefined || quotas.length === 0) place.at('quotas').error('expected at least one quota');
  forEachAt(quotas, place.at('quotas'), ({ validDuration, bucketDuration, rateLimitAlgorithm, overrides }, at) => {
    const windowMs = durationMs(validDuration ?? '') ?? 0;
    if (windowMs <= 0) at.at('validDuration').error('is required: how long a window is, such as 1s');
    else if (rateLimitAlgorithm === 'ROLLING_WINDOW' && (durationMs(bucketDuration ?? '') ?? 0) >= windowMs)
      at.at('bucketDuration').error('expected less than validDuration');
    forEachAt(overrides, at.at('overrides'), ({ maxAmount = 0, dimensions = {} }, inner) => {
      if (Number(maxAmount) <= 0) inner.at('maxAmount').error('expected more than 0');
      if (Object.keys(dimensions).length === 0) inner.at('dimensions').error('expected at least one dimension');
    });
  });
}

/** When series are forgotten (istio.io/v1.4, adapters/prometheus). */
export function checkPrometheus({ metricsExpirationPolicy }: PrometheusParams, place: Place): void {
  if (metricsExpirationPolicy === undefined) return;
  if ((durationMs(metricsExpirationPolicy.metricsExpiryDuration ?? '') ?? 0) <= 0)
    place.at('metricsExpirationPolicy', 'metricsExpiryDuration').error('is required: more than 0');
}
