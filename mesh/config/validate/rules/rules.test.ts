import { describe, expect, it } from 'vitest';
import { findingsOf, readRules } from './rules-fixture.ts';

for (const kind of readRules())
  describe(`a ${kind.kind}`, () => {
    it.each(kind.rules.map((rule) => [`${rule.level}: ${rule.rule}`, rule] as const))('%s', (_, rule) => {
      const found = findingsOf(kind, rule).map(({ severity, path, message }) => ({ severity, path, message }));
      const errors = found.filter(({ severity }) => severity === 'error');
      if (rule.level !== 'error') expect(errors).toEqual([]);
      if (rule.level !== 'accepted')
        expect(found).toContainEqual({ severity: rule.level, path: rule.at, message: expect.any(String) });
    });
  });
