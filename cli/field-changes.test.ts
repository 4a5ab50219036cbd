import { describe, expect, it } from 'vitest';
import { fieldChanges, formatFieldChange } from './field-changes.ts';

describe('fieldChanges', () => {
  it('names each field that differs by its path', () => {
    const before = { spec: { http: [{ route: [{ weight: 90 }, { weight: 10 }], timeout: '1s' }] } };
    const after = { spec: { http: [{ route: [{ weight: 50 }, { weight: 50 }, { weight: 0 }] }] } };
    expect(fieldChanges(before, after).map(formatFieldChange)).toEqual([
      'spec.http[0].route[0].weight: 90 → 50',
      'spec.http[0].route[1].weight: 10 → 50',
      '+ spec.http[0].route[2]: {"weight":0}',
      '- spec.http[0].timeout: 1s',
    ]);
  });

  it('finds nothing between equal values and tells null from absent', () => {
    expect(fieldChanges({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toEqual([]);
    expect(fieldChanges({ a: null }, {})).toEqual([{ path: 'a', before: null }]);
  });
});
