import { describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { silentLogger } from './logger.ts';
import { type Service, supervise } from './service.ts';

/** A clock whose sleeps end at once and are noted. */
function notingClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return { slept, nowMs: () => 0, sleep: async (ms) => void slept.push(ms) };
}

describe('supervise', () => {
  it('given a service that fails, starts it again with doubling delays up to the maximum', async () => {
    const stop = new AbortController();
    const clock = notingClock();
    let runs = 0;
    const service: Service = {
      name: 'flaky',
      run: async () => {
        if (++runs === 5) stop.abort();
        throw new Error('broken');
      },
    };
    const backoff = { minMs: 10, maxMs: 40, healthyAfterMs: 1000 };
    await supervise([service], { signal: stop.signal, clock, logger: silentLogger, backoff });
    expect(runs).toBe(5);
    expect(clock.slept).toEqual([10, 20, 40, 40]);
  });

  it('given one service that fails, leaves the others running', async () => {
    const stop = new AbortController();
    const clock = notingClock();
    const starts = { flaky: 0, steady: 0 };
    const flaky: Service = {
      name: 'flaky',
      run: async () => {
        if (++starts.flaky === 3) stop.abort();
        throw new Error('broken');
      },
    };
    const steady: Service = {
      name: 'steady',
      run: (signal) => {
        starts.steady++;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    };
    await supervise([flaky, steady], { signal: stop.signal, clock, logger: silentLogger });
    expect(starts).toEqual({ flaky: 3, steady: 1 });
  });
});
