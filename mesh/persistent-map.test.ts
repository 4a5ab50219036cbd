import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PersistentMap } from './persistent-map.ts';

describe('PersistentMap', () => {
  const changes = fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.option(fc.nat(5), { nil: undefined })), {
    maxLength: 80,
  });

  it('behaves as a sorted Map, and earlier versions stay as they were', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 8 }), (rounds) => {
        const model = new Map<string, number>();
        const versions: { readonly map: PersistentMap<number>; readonly entries: [string, number][] }[] = [];
        let map = PersistentMap.empty<number>();
        for (const round of rounds) {
          for (const [key, value] of round) {
            if (value === undefined) model.delete(key);
            else model.set(key, value);
          }
          map = map.with(new Map(round));
          versions.push({ map, entries: [...model].sort(([a], [b]) => (a < b ? -1 : 1)) });
        }
        for (const { map: version, entries } of versions) {
          expect([...version]).toEqual(entries);
          expect([...version.keys()]).toEqual(entries.map(([key]) => key));
          expect([...version.values()]).toEqual(entries.map(([, value]) => value));
          expect(version.size).toBe(entries.length);
          for (const [key, value] of entries) expect([version.has(key), version.get(key)]).toEqual([true, value]);
        }
      }),
    );
  });

  it('is itself when nothing differs', () => {
    const map = PersistentMap.empty<number>().with(new Map([['a', 1]]));
    expect(
      map.with(
        new Map([
          ['a', 1],
          ['b', undefined],
        ]),
      ),
    ).toBe(map);
    expect(map.has('b')).toBe(false);
  });

  it('hands every entry to forEach', () => {
    const seen: unknown[] = [];
    const map = PersistentMap.empty<number>().with(
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
    );
    map.forEach((value, key, of) => {
      seen.push([key, value, of === map]);
    });
    expect(seen).toEqual([
      ['a', 1, true],
      ['b', 2, true],
    ]);
  });
});
