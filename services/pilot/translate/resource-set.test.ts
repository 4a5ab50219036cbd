// Resource sets: whatever way two sets were reached, their versions and differences follow from their contents alone.
import { describe, expect, it } from 'vitest';
import { encodeSpliced } from './encode.ts';
import { emptySet, joinedSet, patchedSet, resourceSet } from './resource-set.ts';
import { type EncodedResource, type ResourceSet, typeUrls } from './translation.ts';

const resource = (name: string, content: string): EncodedResource =>
  encodeSpliced(typeUrls.cluster, name, [new TextEncoder().encode(content)]);
const changesOf = (current: ResourceSet, previous: ResourceSet) => {
  const { updated, removed } = current.changesSince(previous);
  return { updated: updated.map(({ name }) => name), removed };
};

describe('resource sets', () => {
  it('have equal versions for equal contents in any order, and names in order', () => {
    const [a, b] = [resource('b', '1'), resource('a', '2')];
    expect(resourceSet([a, b]).version).toBe(resourceSet([b, a]).version);
    expect(resourceSet([a, b]).names()).toEqual(['a', 'b']);
    expect(resourceSet([resource('b', '2'), resource('a', '1')]).version).not.toBe(resourceSet([a, b]).version);
    expect(resourceSet([resource('x', '1'), resource('y', '1')]).version).not.toBe(emptySet.version);
  });

  it('are patched at the version that a set of the same contents has', () => {
    const first = resourceSet([resource('a', '1'), resource('b', '1')]);
    const patched = patchedSet(
      first,
      new Map([
        ['a', undefined],
        ['b', resource('b', '2')],
        ['c', resource('c', '1')],
      ]),
    );
    expect(patched.version).toBe(resourceSet([resource('b', '2'), resource('c', '1')]).version);
    expect(patched.names()).toEqual(['b', 'c']);
    expect(patched.size).toBe(2);
    expect(changesOf(patched, first)).toEqual({ updated: ['b', 'c'], removed: ['a'] });
    expect(changesOf(first, patched)).toEqual({ updated: ['a', 'b'], removed: ['c'] });
  });

  it('stay the identical set when a patch changes nothing', () => {
    const first = resourceSet([resource('a', '1')]);
    expect(
      patchedSet(
        first,
        new Map([
          ['a', resource('a', '1')],
          ['z', undefined],
        ]),
      ),
    ).toBe(first);
  });

  it('give the difference over several steps, without what was changed back', () => {
    const first = resourceSet([resource('a', '1'), resource('b', '1')]);
    const second = patchedSet(first, new Map([['a', resource('a', '2')]]));
    const third = patchedSet(
      second,
      new Map([
        ['a', resource('a', '1')],
        ['b', resource('b', '2')],
      ]),
    );
    expect(changesOf(third, first)).toEqual({ updated: ['b'], removed: [] });
    expect(changesOf(third, second)).toEqual({ updated: ['a', 'b'], removed: [] });
  });

  it('compare in full with a set too far behind', () => {
    const first = resourceSet([resource('a', '0')]);
    let current = first;
    for (let i = 1; i <= 100; i++) current = patchedSet(current, new Map([['a', resource('a', `${i}`)]]));
    expect(changesOf(current, first)).toEqual({ updated: ['a'], removed: [] });
  });

  it('are joined with their own resources, and compared half by half', () => {
    const shared = resourceSet([resource('b', '1')]);
    const before = joinedSet(shared, resourceSet([resource('a', '1')]));
    expect(before.names()).toEqual(['a', 'b']);
    expect(before.version).toBe(resourceSet([resource('a', '1'), resource('b', '1')]).version);
    const after = joinedSet(
      patchedSet(shared, new Map([['b', resource('b', '2')]])),
      resourceSet([resource('c', '1')]),
    );
    expect(changesOf(after, before)).toEqual({ updated: ['b', 'c'], removed: ['a'] });
    expect(changesOf(after, shared)).toEqual({ updated: ['b', 'c'], removed: [] });
    const moved = joinedSet(resourceSet([resource('a', '1')]), resourceSet([resource('b', '1')]));
    expect(changesOf(moved, before)).toEqual({ updated: [], removed: [] });
  });

  it('let own resources win over shared ones of the same name', () => {
    const joined = joinedSet(resourceSet([resource('a', '1'), resource('b', '1')]), resourceSet([resource('a', '2')]));
    expect(joined.get('a')?.version).toBe(resource('a', '2').version);
    expect(joined.size).toBe(2);
  });
});
