import { describe, expect, it } from 'vitest';
import { suggestName } from './suggest-name.ts';

describe('suggestName', () => {
  const known = ['hosts', 'gateways', 'http', 'tls', 'perTryTimeout', 'exportTo'];
  it.each([
    ['host', 'hosts'],
    ['gatways', 'gateways'],
    ['per_try_timeout', 'perTryTimeout'],
    ['PERTRYTIMEOUT', 'perTryTimeout'],
    ['exprotTo', 'exportTo'],
    ['htpp', 'http'],
  ])('for %s suggests %s', (name, suggestion) => {
    expect(suggestName(name, known)).toBe(suggestion);
  });

  it.each(['spec', 'x', '', 'completely-different', 'a'.repeat(5000)])('has no suggestion for %.20s', (name) => {
    expect(suggestName(name, known)).toBeUndefined();
  });
});
