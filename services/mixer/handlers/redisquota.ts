// Quotas counted in Redis, by whoever uses it (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters/redisquota).
import { createClient } from '@redis/client';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { durationMs } from '../../../mesh/config/quantities.ts';
import type { RedisquotaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { limitFor } from '../../../mesh/policy/quota-charges.ts';
import { defaultAnswerLimits, digestOf, type QuotaTaken, RememberedAnswers } from '../quota/quota-charge.ts';
import type { QuotaLimit } from '../quota/quota-count.ts';
import { countKey, dimensionsOf, limitOf, quotaResult } from './configured-quota.ts';
import type { Handler, HandlerKind, HandlerMeans, Instance, QuotaRequest } from './handler.ts';

type Quota = NonNullable<RedisquotaParams['quotas']>[number];

/** Of a rolling window, where `bucketDuration` does not say: what was taken comes back at most a hundredth of the window late. */
const bucketsOfWindow = 100;
/** Waits between attempts to connect, in ms: a Redis that starts again is found at once, one that is gone is not hammered. */
const retryMs = 500;
/** How long connecting may take, in ms. */
const connectMs = 5_000;

/**
 * One charge, at once for all who share the key: buckets of time in a hash, counted whole until a window after their end. Redis's clock decides.
 * KEYS: the count. ARGV: limit, length of a bucket in ms, buckets held beside the newest, amount, whether less is of use. Gives what was granted, what is left,
 * and ms until more is.
 */
const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length, held, amount = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local newest = math.floor(now / length)
local taken, oldest = 0, newest
local buckets = redis.call('HGETALL', KEYS[1])
for i = 1, #buckets, 2 do
  local bucket = tonumber(buckets[i])
  if bucket < newest - held then redis.call('HDEL', KEYS[1], buckets[i])
  else
    taken = taken + tonumber(buckets[i + 1])
    oldest = math.min(oldest, bucket)
  end
end
local left = math.max(0, tonumber(ARGV[1]) - taken)
local granted = 0
if amount <= left then granted = amount elseif ARGV[5] == '1' then granted = left end
if granted > 0 then
  redis.call('HINCRBY', KEYS[1], tostring(newest), granted)
  redis.call('PEXPIRE', KEYS[1], (held + 2) * length)
end
local reset = 0
if taken + granted > 0 then reset = (oldest + held + 1) * length - now end
return { granted, left - granted, reset }
`;

/** See the file's first line. One connection serves all calls: `connectionPoolSize` has no effect. */
export const redisquota: HandlerKind<RedisquotaParams> = {
  name: 'redisquota',
  templates: ['quota'],
  create: (params, means) => redisHandler(params, means),
};

function redisHandler(
  { quotas = [], redisServerUrl }: RedisquotaParams,
  { name, clock, logger }: HandlerMeans,
): Handler {
  const client = clientOf(redisServerUrl);
  client.on('error', (error) =>
    logger.debug({ handler: name, error: messageOf(error) }, 'Redis is away; trying again'),
  );
  let first: Promise<unknown> | undefined;
  const connected = () => (first ??= connectFirst(client));
  const answers = new RememberedAnswers<Promise<QuotaTaken>>(defaultAnswerLimits);
  const charge = async (count: Count, { amount, bestEffort }: QuotaRequest): Promise<QuotaTaken> => {
    if (!client.isReady) await connected();
    const script = { keys: [count.key], arguments: [...count.settings, String(amount), bestEffort ? '1' : '0'] };
    const [granted = 0, left = 0, resetMs = 0] = (await client.eval(takeScript, script)) as number[];
    return { granted, left, resetMs };
  };
  return {
    quota: async (instance, request) => {
      const count = countOf(quotas, instance, name);
      const id = `${count.key}\0${request.deduplicationId}`;
      const nowMs = clock.nowMs();
      const before = answers.find(id, nowMs);
      const answer = before ?? charge(count, request);
      if (before === undefined) answers.keep(id, answer);
      // What failed may be asked again.
      answer.catch(() => answers.forget(id));
      return quotaResult(await answer, { handler: name, instance: instance.name, limit: count.limit });
    },
    run: async (signal) => {
      connected().catch(() => {});
      await aborted(signal);
      client.destroy();
    },
  };
}

/** Calls fail at once while Redis is away; the connection is made again in the background for as long as the handler lives. */
function clientOf(redisServerUrl: string) {
  const url = /^rediss?:\/\//.test(redisServerUrl) ? redisServerUrl : `redis://${redisServerUrl}`;
  try {
    return createClient({
      url,
      disableOfflineQueue: true,
      socket: { reconnectStrategy: () => retryMs, connectTimeout: connectMs },
    });
  } catch (error) {
    throw new MeshError('invalid', 'redisServerUrl: expected HOST:PORT or redis://…', { cause: error });
  }
}

/** Resolves when it is connected; rejects when the first attempt fails, though more follow in the background. */
function connectFirst(client: ReturnType<typeof clientOf>): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve());
    client.once('error', (error) =>
      reject(new MeshError('unavailable', `Redis is away: ${messageOf(error)}`, { cause: error })),
    );
    // It ends when the handler does.
    client.connect().catch(reject);
  });
}

interface Count {
  readonly key: string;
  readonly limit: QuotaLimit;
  /** The script's: limit, length of a bucket, buckets held. */
  readonly settings: readonly string[];
}

function countOf(quotas: readonly Quota[], instance: Instance, name: string): Count {
  const quota = limitFor(quotas, instance.name);
  if (quota === undefined)
    throw new MeshError('not-found', `handler ${name} has no limit for the instance ${instance.name}`);
  const dimensions = dimensionsOf(instance);
  const { validDuration = '', rateLimitAlgorithm = 'FIXED_WINDOW' } = quota;
  // Overrides have the quota's own window.
  const overrides = (quota.overrides ?? []).map((one) => ({ ...one, validDuration }));
  const limit = limitOf({ ...quota, overrides, rateLimitAlgorithm }, dimensions);
  const windowMs = Math.max(1, limit.windowMs);
  const rolls = limit.algorithm === 'ROLLING_WINDOW';
  const bucketMs = rolls ? durationMs(quota.bucketDuration ?? '') || Math.ceil(windowMs / bucketsOfWindow) : windowMs;
  const held = rolls ? Math.ceil(windowMs / bucketMs) : 0;
  const settings = [limit.maxAmount, bucketMs, held].map(String);
  // Another limit counts anew: its buckets are of another length. Clients choose dimensions: only a digest is a key.
  return {
    key: `periplus:quota:${digestOf(JSON.stringify([settings, countKey(instance.name, dimensions)]))}`,
    limit,
    settings,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
