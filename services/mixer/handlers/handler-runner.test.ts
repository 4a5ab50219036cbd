import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { MixerMetrics } from '../metrics.ts';
import type { Instance } from './handler.ts';
import { handlerContract } from './handler-contract.ts';
import { FakeHandler } from './handler-fixture.ts';
import { HandlerRunner, handlerMetrics, type OnFailure, type RunnerLimits } from './handler-runner.ts';

const name = 'fake.default';
const labels = { handler: name };
const check: Instance = { template: 'checknothing', name: 'i.default', fields: {} };
const quota: Instance = { template: 'quota', name: 'q.default', fields: { dimensions: {} } };
const log: Instance = { template: 'logentry', name: 'l.default', fields: { variables: {} } };
const charge = { amount: 3, bestEffort: false, deduplicationId: 'd' };

handlerContract('fake', async () => {
  const handler = new FakeHandler();
  return {
    kind: { name: 'fake', templates: ['checknothing', 'quota', 'logentry'] },
    handler,
    instances: [check, quota, log],
    delivered: async () => handler.reported.length,
    breakBackEnd: async () => {
      handler.mode = 'fail';
    },
  };
});

function runnerOf(options: { onFailure?: OnFailure; limits?: Partial<RunnerLimits>; clock?: Clock } = {}) {
  const handler = new FakeHandler();
  const metrics = handlerMetrics(new MixerMetrics());
  const { onFailure = 'deny', limits = {}, clock = systemClock } = options;
  const runner = new HandlerRunner({ handler, name, onFailure, metrics, clock, logger: silentLogger, limits });
  return { handler, runner, metrics };
}

describe('HandlerRunner', () => {
  it('gives the handler’s answer', async () => {
    const { handler, runner } = runnerOf();
    handler.checkResult = { status: { code: 7, message: 'no' }, validForMs: 5, validUses: 2 };
    expect(await runner.check(check)).toEqual(handler.checkResult);
    expect(await runner.quota(quota, charge)).toMatchObject({ granted: 3 });
    expect(handler.charged).toEqual([{ instance: quota, request: charge }]);
  });

  it.each([
    ['deny', 14, 0],
    ['allow', 0, 3],
  ] as const)('of a back end that fails it says %s, not to be remembered', async (onFailure, code, granted) => {
    const { handler, runner, metrics } = runnerOf({ onFailure });
    handler.mode = 'fail';
    expect(await runner.check(check)).toMatchObject({ status: { code }, validForMs: 0 });
    expect(await runner.quota(quota, charge)).toMatchObject({ status: { code }, granted, validForMs: 0 });
    expect(metrics.failures.value({ ...labels, reason: 'error' })).toBe(2);
  });

  it('does not wait for one that hangs', async () => {
    const { handler, runner, metrics } = runnerOf({ limits: { deadlineMs: 20 } });
    handler.mode = 'hang';
    expect(await runner.check(check)).toMatchObject({ status: { code: 14 } });
    expect(metrics.failures.value({ ...labels, reason: 'deadline' })).toBe(1);
  });

  it('leaves one alone that keeps failing, and tries it again after a while', async () => {
    let nowMs = 0;
    const clock: Clock = { nowMs: () => nowMs, sleep: (ms, signal) => systemClock.sleep(ms, signal) };
    const { handler, runner, metrics } = runnerOf({ clock, limits: { breaker: { failures: 3, openMs: 1_000 } } });
    handler.mode = 'fail';
    for (let i = 0; i < 10; i++) await runner.check(check);
    expect(metrics.failures.value({ ...labels, reason: 'error' })).toBe(3);
    expect(metrics.failures.value({ ...labels, reason: 'breaker' })).toBe(7);
    handler.mode = 'answer';
    nowMs = 999;
    expect(await runner.check(check)).toMatchObject({ status: { code: 14 } });
    nowMs = 1_000;
    expect(await runner.check(check)).toMatchObject({ status: { code: 0 } });
    expect(await runner.check(check)).toMatchObject({ status: { code: 0 } });
  });

  it('gives a batch of reports more time than a check, unless it is told', async () => {
    const slow = async (limits: Partial<RunnerLimits>) => {
      const { handler, runner, metrics } = runnerOf({ limits });
      const answer = Promise.withResolvers<void>();
      let asked = 0;
      handler.report = async () => {
        asked++;
        await answer.promise;
      };
      const stop = new AbortController();
      const running = runner.run(stop.signal);
      runner.report([log]);
      await expect.poll(() => asked, { timeout: 10_000 }).toBe(1);
      // A check's deadline passes meanwhile.
      await systemClock.sleep(30);
      answer.resolve();
      stop.abort();
      await running;
      return metrics.delivered.value(labels);
    };
    expect(await slow({ deadlineMs: 10, reportDeadlineMs: 60_000 })).toBe(1);
    expect(await slow({ deadlineMs: 10 })).toBe(0);
  });

  it('asks no more at once than it may', async () => {
    const { handler, runner, metrics } = runnerOf({ limits: { maxInFlight: 2, deadlineMs: 50 } });
    handler.mode = 'hang';
    await Promise.all([1, 2, 3, 4].map(async () => await runner.check(check)));
    expect(metrics.failures.value({ ...labels, reason: 'busy' })).toBe(2);
  });

  it('drops reports beyond its queue and counts them; nothing else is lost', async () => {
    const { handler, runner, metrics } = runnerOf({ limits: { maxQueued: 10, maxBatch: 4 } });
    runner.report(Array.from({ length: 25 }, () => log));
    const stop = new AbortController();
    const running = runner.run(stop.signal);
    await expect.poll(() => handler.reported.length, { timeout: 10_000 }).toBe(10);
    stop.abort();
    await running;
    expect(handler.batches).toEqual([4, 4, 2]);
    expect(metrics.received.value(labels)).toBe(25);
    expect(metrics.delivered.value(labels)).toBe(10);
    expect(metrics.dropped.value({ ...labels, reason: 'queue-full' })).toBe(15);
  });

  it('delivers what is queued when it stops, and counts what it can not', async () => {
    for (const [mode, delivered] of [
      ['answer', 5],
      ['fail', 0],
    ] as const) {
      const { handler, runner, metrics } = runnerOf();
      handler.mode = mode;
      runner.report(Array.from({ length: 5 }, () => log));
      await runner.run(AbortSignal.abort());
      expect(metrics.delivered.value(labels)).toBe(delivered);
      const dropped = ['error', 'stopped'].map((reason) => metrics.dropped.value({ ...labels, reason }));
      expect(dropped.reduce((a, b) => a + b)).toBe(5 - delivered);
    }
  });
});
