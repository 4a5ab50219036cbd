// Selections are computed once and shared; responses made of them are shared too, each stream with a nonce that is new to it.
import { describe, expect, it } from 'vitest';
import type { ResourceSet } from '../translate/translation.ts';
import { typeUrls } from '../translate/translation.ts';
import { NameSet } from './name-set.ts';
import { ResponseCache } from './response-cache.ts';
import { nothingSelected, SharedSelections } from './selection.ts';
import { WriteBudget } from './write-budget.ts';
import { changed, setOf } from './xds-fixture.ts';

const { cluster, endpoints } = typeUrls;

describe('SharedSelections', () => {
  it('compares two sets once, however many streams ask', () => {
    const base = setOf(endpoints, { a: 'v1', b: 'v1' });
    const next = changed(endpoints, base, { a: 'v2' });
    let compared = 0;
    const counted: ResourceSet = {
      version: next.version,
      size: next.size,
      get: (name) => next.get(name),
      names: () => next.names(),
      changesSince: (previous) => {
        compared++;
        return next.changesSince(previous);
      },
    };
    const selections = new SharedSelections();
    const interest = new NameSet(['a', 'b']);
    const first = selections.between(base, counted, interest);
    for (let stream = 0; stream < 300; stream++) expect(selections.between(base, counted, interest)).toBe(first);
    expect(compared).toBe(1);
    expect(selections.between(base, counted, new NameSet(['b']))).toBe(nothingSelected);
  });

  it('gives contexts with equal contents the same selection', () => {
    const selections = new SharedSelections();
    const contents = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`c${i}`, 'v1']));
    const [one, other] = [setOf(cluster, contents), setOf(cluster, contents)];
    expect(selections.whole(one, 'all')).toBe(selections.whole(other, 'all'));
    const [nextOne, nextOther] = [changed(cluster, one, { c1: 'v2' }), changed(cluster, other, { c1: 'v2' })];
    expect(selections.between(one, nextOne, 'all')).toBe(selections.between(other, nextOther, 'all'));
    expect(selections.whole(nextOne, 'all')).not.toBe(selections.whole(one, 'all'));
  });
});

describe('ResponseCache', () => {
  const selection = {
    updated: [...setOf(cluster, { a: 'v1' }).names()].flatMap((name) => setOf(cluster, { a: 'v1' }).get(name) ?? []),
    removed: [],
  };
  const key = { protocol: 'delta' as const, typeUrl: cluster, version: '1', selection };

  it('gives streams the same bytes, and one that had them a new nonce', () => {
    const cache = new ResponseCache({ controlPlane: 'p' });
    const first = cache.get(key, 0);
    expect(cache.get(key, 0)).toBe(first);
    const again = cache.get(key, first.serial);
    expect(again.nonce).not.toBe(first.nonce);
    expect(cache.get({ ...key, protocol: 'sotw' }, 0).bytes).not.toEqual(again.bytes);
  });

  it('keeps no more than its bound', () => {
    const cache = new ResponseCache({ controlPlane: 'p', maxBytes: 10 });
    const first = cache.get(key, 0);
    expect(cache.get(key, 0)).not.toBe(first);
  });
});

describe('WriteBudget', () => {
  it('wakes those who wait, in turn, while there is room', () => {
    const budget = new WriteBudget({ maxBytes: 10 });
    const woken: string[] = [];
    const wake = (name: string) => () => {
      woken.push(name);
      budget.take(10);
    };
    expect(budget.hasRoom(wake('none'))).toBe(true);
    budget.take(12);
    expect([budget.hasRoom(wake('a')), budget.hasRoom(wake('b'))]).toEqual([false, false]);
    budget.give(1);
    expect(woken).toEqual([]);
    budget.give(11);
    expect(woken).toEqual(['a']);
    budget.give(10);
    expect(woken).toEqual(['a', 'b']);
  });
});
