// The redisquota handler on a real Redis: the handlers' contract, both kinds of windows, two Mixers at once, Redis away.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { RedisquotaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { TestRedis } from '../../../test/support/redis.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { Handler, Instance } from './handler.ts';
import { handlerContract } from './handler-contract.ts';
import { redisquota } from './redisquota.ts';

const started = await TestRedis.start();
const why = started instanceof TestRedis ? '' : `: skipped, no Redis can be had: ${started.why}`;
const server = started as TestRedis;

describe.skipIf(why !== '')(`redisquota on a real Redis${why}`, { timeout: 60_000 }, () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  afterAll(() => server.kill());

  const instance = (name: string, dimensions: Readonly<Record<string, string>> = {}): Instance => ({
    ...{ template: 'quota', name: `${name}.default`, fields: { dimensions } },
  });
  type Quota = NonNullable<RedisquotaParams['quotas']>[number];
  function open(name: string, changes: Partial<Quota> = {}): Handler {
    const quotas = [{ name: `${name}.quota.default`, maxAmount: 2, validDuration: '3600s', ...changes }];
    const params = { quotas, redisServerUrl: `127.0.0.1:${server.port}` };
    const handler = redisquota.create(params, { name: 'q.default', clock: systemClock, logger: silentLogger });
    const stop = new AbortController();
    const running = handler.run?.(stop.signal);
    ends.push(async () => {
      stop.abort();
      await running;
    });
    return handler;
  }
  let ids = 0;
  const signal = AbortSignal.timeout(600_000);
  const take = async (handler: Handler, asked: Instance, changes: { amount?: number; bestEffort?: boolean } = {}) => {
    const request = { amount: 1, bestEffort: false, deduplicationId: String(++ids), ...changes };
    return await handler.quota?.(asked, request, signal);
  };
  const granted = async (...args: Parameters<typeof take>) => (await take(...args))?.granted;

  handlerContract('redisquota', async () => ({
    kind: redisquota,
    handler: open(`contract-${++ids}`),
    instances: [instance(`contract-${ids}`)],
    breakBackEnd: () => server.kill().then(() => void ends.push(() => server.restart())),
  }));

  it('counts each combination of dimensions, an override for its own, together with other Mixers', async () => {
    const overrides = [{ dimensions: { user: 'alice' }, maxAmount: 1 }];
    const [one, two] = [open('a', { overrides }), open('a', { overrides })];
    const bob = instance('a', { user: 'bob', path: '/' });
    expect([await granted(one, bob), await granted(two, bob), await granted(one, bob)]).toEqual([1, 1, 0]);
    expect(await granted(two, instance('a', { path: '/', user: 'bob' }))).toBe(0);
    const alice = instance('a', { user: 'alice' });
    expect([await granted(one, alice), await granted(two, alice)]).toEqual([1, 0]);
    expect(await take(one, bob)).toMatchObject({
      status: { code: 8, message: 'Quota is exhausted for: a.default' },
      standing: { maxAmount: 2, windowMs: 3_600_000, left: 0 },
    });
  });

  it('admits the limit and no more, whoever asks at once', async () => {
    const limit = { maxAmount: 50, rateLimitAlgorithm: 'ROLLING_WINDOW' as const, bucketDuration: '10s' };
    const handlers = [open('b', limit), open('b', limit), open('b', limit)];
    const all = await Promise.all(
      Array.from({ length: 150 }, (_, i) => granted(handlers[i % 3] ?? open('b', limit), instance('b'))),
    );
    expect(all.filter((one) => one === 1)).toHaveLength(50);
  });

  it('gives all or nothing, or what is left by best effort; one id counts once', async () => {
    const handler = open('c', { maxAmount: 5 });
    expect(await granted(handler, instance('c'), { amount: 3 })).toBe(3);
    expect(await granted(handler, instance('c'), { amount: 3 })).toBe(0);
    expect(await granted(handler, instance('c'), { amount: 3, bestEffort: true })).toBe(2);
    const other = open('d');
    const request = { amount: 1, bestEffort: false, deduplicationId: 'same' };
    for (let i = 0; i < 3; i++) expect((await other.quota?.(instance('d'), request, signal))?.granted).toBe(1);
    expect(await granted(other, instance('d'))).toBe(1);
    expect(await granted(other, instance('d'))).toBe(0);
  });

  it('rolls: what was taken comes back a window later', async () => {
    for (const rateLimitAlgorithm of ['ROLLING_WINDOW', 'FIXED_WINDOW'] as const) {
      const handler = open(`e-${rateLimitAlgorithm}`, { validDuration: '1s', rateLimitAlgorithm });
      const asked = instance(`e-${rateLimitAlgorithm}`);
      await waitFor(async () => (await granted(handler, asked)) === 0, { what: 'the limit' });
      await waitFor(async () => (await granted(handler, asked)) === 1, { what: 'the next window' });
    }
  });

  it('fails while Redis is away, and counts again when it is back', async () => {
    const handler = open('f');
    expect(await granted(handler, instance('f'))).toBe(1);
    await server.kill();
    await expect(take(handler, instance('f'))).rejects.toThrow();
    await server.restart();
    await waitFor(async () => (await granted(handler, instance('f')).catch(() => 0)) === 1, {
      what: 'the connection',
      limitMs: 30_000,
    });
  });
});
