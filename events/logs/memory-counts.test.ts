import { beforeEach, describe, expect, it } from 'vitest';
import { countStoreContract } from './counts-contract.ts';
import { MemoryCounts } from './memory-counts.ts';

describe('MemoryCounts', () => {
  let nowMs = 0;
  let store = new MemoryCounts(() => nowMs);
  beforeEach(() => {
    store = new MemoryCounts(() => nowMs, 2);
  });
  countStoreContract(async () => store);

  it('forgets a value when its time has run out, and never one for another', async () => {
    expect(await store.write('a', '1', { revision: 0, keepMs: 10 })).toBeTypeOf('number');
    expect(await store.write('b', '1', { revision: 0, keepMs: 100 })).toBeTypeOf('number');
    expect(await store.write('c', '1', { revision: 0, keepMs: 100 })).toBe('full');
    nowMs += 10;
    expect(await store.read('a')).toBeUndefined();
    expect((await store.read('b'))?.value).toBe('1');
  });
});
