import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { Instance } from './handler.ts';
import { handlerContract } from './handler-contract.ts';
import { memquota } from './memquota.ts';

let nowMs = 0;
const means = { name: 'q.default', clock: { ...systemClock, nowMs: () => nowMs }, logger: silentLogger };
const instance = (dimensions: Readonly<Record<string, string>>): Instance => ({
  ...{ template: 'quota', name: 'requests.default', fields: { dimensions } },
});
const handlerOf = (overrides: object = {}) =>
  memquota.create(
    { quotas: [{ name: 'requests.quota.default', maxAmount: 2, validDuration: '1s', ...overrides }] },
    means,
  );

handlerContract('memquota', async () => ({ kind: memquota, handler: handlerOf(), instances: [instance({})] }));

describe('memquota', () => {
  let ids = 0;
  const take = async (handler: ReturnType<typeof handlerOf>, dimensions: Readonly<Record<string, string>>) => {
    const request = { amount: 1, bestEffort: false, deduplicationId: String(++ids) };
    return await handler.quota?.(instance(dimensions), request, AbortSignal.timeout(10_000));
  };
  const granted = async (handler: ReturnType<typeof handlerOf>, dimensions: Readonly<Record<string, string>>) =>
    (await take(handler, dimensions))?.granted;

  it('counts each combination of dimensions, in whatever order they are, and says when one is used up', async () => {
    const handler = handlerOf();
    expect(await granted(handler, { user: 'a', path: '/' })).toBe(1);
    expect(await take(handler, { path: '/', user: 'a' })).toMatchObject({
      ...{ status: { code: 0, message: '' }, granted: 1, validForMs: 1_000 },
    });
    expect(await take(handler, { path: '/', user: 'a' })).toMatchObject({
      status: { code: 8, message: 'Quota is exhausted for: requests.default' },
      ...{ granted: 0, validForMs: 0 },
    });
    expect(await granted(handler, { user: 'b', path: '/' })).toBe(1);
    nowMs += 1_100;
    expect(await granted(handler, { user: 'a', path: '/' })).toBe(1);
  });

  it('takes the first override whose dimensions all agree', async () => {
    const handler = handlerOf({
      overrides: [
        { dimensions: { user: 'a', path: '/none' }, maxAmount: 0, validDuration: '1s' },
        { dimensions: { user: 'a' }, maxAmount: 1, validDuration: '1s' },
        { dimensions: { user: 'a', path: '/' }, maxAmount: 9, validDuration: '1s' },
      ],
    });
    expect(await granted(handler, { user: 'a', path: '/none' })).toBe(0);
    expect([
      await granted(handler, { user: 'a', path: '/' }),
      await granted(handler, { user: 'a', path: '/' }),
    ]).toEqual([1, 0]);
    expect([await granted(handler, { user: 'b' }), await granted(handler, { user: 'b' })]).toEqual([1, 1]);
  });

  it('fails for an instance that it has no limit for', async () => {
    const handler = memquota.create({ quotas: [] }, means);
    await expect(take(handler, {})).rejects.toThrow('handler q.default has no limit for the instance requests.default');
  });
});
