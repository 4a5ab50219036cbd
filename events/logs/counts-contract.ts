// What every count store keeps to.
import { expect, it } from 'vitest';
import type { CountStore } from '../count-store.ts';

/** Runs the suite. `open` gives the same store to each of its users. */
export function countStoreContract(open: () => Promise<CountStore>): void {
  const kept = { keepMs: 60_000 };

  it('gives what was written last, with its revision', async () => {
    const store = await open();
    expect(await store.read('a')).toBeUndefined();
    const first = await store.write('a', 'one', { revision: 0, ...kept });
    expect(await store.read('a')).toEqual({ value: 'one', revision: first });
    const second = await store.write('a', 'two', { revision: Number(first), keepMs: undefined });
    expect(await (await open()).read('a')).toEqual({ value: 'two', revision: second });
  });

  it('refuses a change of what is not there any more', async () => {
    const store = await open();
    const first = await store.write('b', 'one', { revision: 0, ...kept });
    expect(await store.write('b', 'two', { revision: 0, ...kept })).toBe('conflict');
    expect(await store.write('c', 'two', { revision: Number(first), ...kept })).toBe('conflict');
    await store.write('b', 'three', { revision: Number(first), ...kept });
    expect(await store.write('b', 'four', { revision: Number(first), ...kept })).toBe('conflict');
    expect((await store.read('b'))?.value).toBe('three');
  });

  it('lets one of several through, whoever asks at once', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    const written = await Promise.all(stores.map((one, i) => one.write('d', String(i), { revision: 0, ...kept })));
    expect(written.filter((revision) => revision === 'conflict')).toHaveLength(2);
  });
}
