// The memo: equal inputs give the identical value, other inputs another one.
import { describe, expect, it } from 'vitest';
import { createMemo } from './memo.ts';

describe('memo', () => {
  it('computes once for the same objects and plain values', () => {
    const memo = createMemo();
    const service = {};
    let computed = 0;
    const get = () => memo.get('x', [service, 80, 'v1', undefined], () => ({ n: ++computed }));
    expect(get()).toBe(get());
    expect(computed).toBe(1);
  });

  it('tells inputs apart by identity, order, type and text boundaries', () => {
    const memo = createMemo();
    const [a, b] = [{}, {}];
    const inputs = [
      [a],
      [b],
      [a, b],
      [b, a],
      [a, undefined],
      [undefined, a],
      [a, true],
      [a, 't'],
      [a, 1],
      [a, '1'],
      [a, 'x', 'y'],
      [a, 'xy'],
      [a, 'x1:y'],
      [a, null],
      [a, a],
      [a, false],
    ];
    const values = inputs.map((deps) => memo.get<object>('x', deps, () => ({})));
    expect(new Set(values).size).toBe(inputs.length);
    expect(memo.get<object>('y', [a], () => ({}))).not.toBe(values[0]);
    for (const [i, deps] of inputs.entries()) expect(memo.get<object>('x', deps, () => ({}))).toBe(values[i]);
  });

  it('remembers a computed undefined', () => {
    const memo = createMemo();
    let computed = 0;
    const key = {};
    for (let i = 0; i < 3; i++) memo.get('x', [key], () => void computed++);
    expect(computed).toBe(1);
  });

  it('bounds what it keeps per object for ever-changing plain values', () => {
    const memo = createMemo();
    const service = {};
    let computed = 0;
    for (let i = 0; i < 5000; i++) memo.get('x', [service, i], () => ++computed);
    memo.get('x', [service, 4999], () => ++computed);
    expect(computed).toBe(5000);
    memo.get('x', [service, 0], () => ++computed);
    expect(computed).toBe(5001);
  });

  it('keeps the identity of a list while its elements stay the same', () => {
    const memo = createMemo();
    const [owner, a, b] = [{}, {}, {}];
    const first = memo.stable('l', owner, [a, b]);
    expect(memo.stable('l', owner, [a, b])).toBe(first);
    expect(memo.stable('l', owner, [b, a])).not.toBe(first);
    expect(memo.stable('l', {}, [a, b])).not.toBe(first);
  });

  it('keeps the latest value of an owner while its inputs are the same', () => {
    const memo = createMemo();
    const [owner, other] = [{}, {}];
    let computed = 0;
    const value = (of: object, deps: readonly unknown[]) => memo.latest('a', of, deps, () => ++computed);

    expect([value(owner, [other, 1]), value(owner, [other, 1]), value(other, [other, 1])]).toEqual([1, 1, 2]);
    expect([value(owner, [other, 2]), value(owner, [other, 1]), value(owner, [other, 1, 1])]).toEqual([3, 4, 5]);
  });
});
