import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs, durationText, millionths, percentValue } from './quantities.ts';

describe('durationMs', () => {
  it.each([
    ['5s', 5000],
    ['0', 0],
    ['0s', 0],
    ['0.25s', 250],
    ['.5s', 500],
    ['1.1s', 1100],
    ['100ms', 100],
    ['1h2m3.5s', 3_723_500],
    ['1m30s', 90_000],
    ['1500us', 1.5],
    ['-2s', -2000],
  ])('reads %s', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['', '5', 's', '5 s', '5S', '5s ', '1d', '5s5', '..5s', '1e3s', '--1s'])('refuses %j', (text) => {
    expect(durationMs(text)).toBeUndefined();
  });

  it('reads what durationText prints', () => {
    fc.assert(
      fc.property(fc.integer({ min: -10_000_000, max: 10_000_000 }), (ms) => durationMs(durationText(ms)) === ms),
    );
  });
});

describe('percentages', () => {
  it('gives Envoy millionths without rounding errors', () => {
    expect([0, 0.1, 1.5, 33.3333, 100].map(millionths)).toEqual([0, 1000, 15_000, 333_333, 1_000_000]);
  });

  it('reads only 0 to 100', () => {
    expect(['12.5%', '0', '100', '101', '-1', 'x', ''].map(percentValue)).toEqual([
      12.5,
      0,
      100,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
