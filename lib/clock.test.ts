// The machine's clock sleeps: as long as asked, or until it is called off.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

const dayMs = 86_400_000;

describe('systemClock.sleep', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('lasts months where it is to: one timer of Node does not', async () => {
    let isAwake = false;
    const sleep = systemClock.sleep(100 * dayMs).then(() => (isAwake = true));
    await vi.advanceTimersByTimeAsync(100 * dayMs - 1);
    expect(isAwake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await sleep;
  });

  it('rejects with the reason when it is called off, and leaves no timer', async () => {
    const off = new AbortController();
    const sleep = systemClock.sleep(1_000, off.signal);
    off.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
    await expect(systemClock.sleep(1_000, off.signal)).rejects.toThrow('enough');
    expect(vi.getTimerCount()).toBe(0);
  });
});
