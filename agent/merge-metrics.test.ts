// Merged metrics stay one valid exposition: each family once, in one piece.
import { describe, expect, it } from 'vitest';
import { mergeMetrics } from './merge-metrics.ts';

describe('mergeMetrics', () => {
  it('keeps a family that two sources have in one piece, with one TYPE', () => {
    const envoy = '# TYPE up gauge\nup{of="envoy"} 1\n# TYPE other counter\nother 2\n';
    const app = '# HELP up Whether it is up.\n# TYPE up gauge\nup{of="app"} 1\n# EOF\n';
    expect(mergeMetrics([envoy, app])).toBe(
      '# TYPE up gauge\nup{of="envoy"} 1\nup{of="app"} 1\n# TYPE other counter\nother 2\n',
    );
  });

  it('keeps a histogram’s samples under its TYPE', () => {
    const text = '# TYPE took histogram\ntook_bucket{le="1"} 1\ntook_sum 0.5\ntook_count 1\n';
    expect(mergeMetrics([text])).toBe(text);
    expect(mergeMetrics([text, 'plain_total 3'])).toBe(`${text}plain_total 3\n`);
  });

  it('drops comments that are neither HELP, TYPE nor UNIT, and empty lines', () => {
    expect(mergeMetrics(['# made by hand\n\na 1\n'])).toBe('a 1\n');
  });
});
