import { describe, expect, it } from 'vitest';
import { runTogether } from './sessions.ts';

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

describe('runTogether', () => {
  it('ends all when one beside fails, with its error', async () => {
    const { signal } = new AbortController();
    let othersEnded = 0;
    const other = (until: AbortSignal) => untilAborted(until).finally(() => othersEnded++);
    const running = runTogether(signal, async (until, beside) => {
      beside(other);
      beside(other);
      beside(async () => Promise.reject(new Error('the stream broke')));
      await untilAborted(until);
    });
    await expect(running).rejects.toThrow('the stream broke');
    expect(othersEnded).toBe(2);
  });

  it('ends the others when the main part ends or fails', async () => {
    const { signal } = new AbortController();
    await runTogether(signal, async (_, beside) => beside(untilAborted));
    const failing = runTogether(signal, async (_, beside) => {
      beside(untilAborted);
      throw new Error('no list');
    });
    await expect(failing).rejects.toThrow('no list');
  });

  it("rejects with the signal's reason when that ends it", async () => {
    const stop = new AbortController();
    const running = runTogether(stop.signal, (until) => untilAborted(until));
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });
});
