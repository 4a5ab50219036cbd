import { describe, expect, it } from 'vitest';
import { foldLog } from './fold-log.ts';
import { testAppends } from './logs/contract-fixture.ts';
import { MemoryLog } from './logs/memory.ts';
import type { Projection } from './projection.ts';

const positions: Projection<number[]> = {
  name: 'positions',
  init: () => [],
  evolve: (state, event) => [...state, event.position],
};

async function filled(): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (let i = 0; i < 4; i++) await log.append(testAppends(`${i}-`, 5));
  return log;
}

describe('foldLog', () => {
  it('folds to the head, or to a position within a batch', async () => {
    const log = await filled();
    const all = Array.from({ length: 20 }, (_, i) => i + 1);
    expect(await foldLog(log, positions)).toEqual({ state: all, position: 20, time: '2026-01-01T00:00:04.000Z' });
    expect(await foldLog(log, positions, { to: 7 })).toEqual({
      state: all.slice(0, 7),
      position: 7,
      time: '2026-01-01T00:00:01.000Z',
    });
    expect((await foldLog(log, positions, { to: 99 })).position).toBe(20);
  });

  it('goes on from a known state, and stays there when it is already far enough', async () => {
    const log = await filled();
    const start = await foldLog(log, positions, { to: 7 });
    expect(await foldLog(log, positions, { start })).toEqual(await foldLog(log, positions));
    expect(await foldLog(log, positions, { start, to: 3 })).toBe(start);
    expect(await foldLog(new MemoryLog(), positions)).toEqual({ state: [], position: 0, time: '' });
  });

  it('ends with the reason of its signal when that aborts', async () => {
    const log = await filled();
    await expect(foldLog(log, positions, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
