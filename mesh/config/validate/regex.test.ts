import { describe, expect, it } from 'vitest';
import { re2Fault } from './regex.ts';

describe('re2Fault', () => {
  it.each([
    '',
    '.*',
    '^/api/v\\d+(/.*)?$',
    '(?i)abc',
    '(?i:abc)',
    '(?P<name>x)',
    '(?<name>x)',
    '[[:alpha:]_-]+',
    '[^]a]',
    '[]a]',
    '[a\\]b]',
    '\\pN\\p{Greek}',
    '\\x{10FFFF}',
    '\\Qa.b(\\E*',
    '\\A\\z\\bx',
    'a{2,5}?',
    'a{,5}',
    'a{x',
    '{',
    'a|b|',
    '()',
    '(a|b)*',
    '\\.\\-\\/',
    'x{1000}',
    '[a-z0-9-]',
  ])('accepts %s', (pattern) => {
    expect(re2Fault(pattern)).toBeUndefined();
  });

  it.each([
    ['(', 'not closed'],
    [')', 'not opened'],
    ['[a', 'not closed'],
    ['*a', 'nothing to repeat'],
    ['a|*', 'nothing to repeat'],
    ['(+a)', 'nothing to repeat'],
    ['a**', 'nothing to repeat'],
    ['a\\', 'backslash'],
    ['(?=a)', 'look-around'],
    ['(?!a)', 'look-around'],
    ['(?<=a)b', 'look-around'],
    ['(?<!a)b', 'look-around'],
    ['(?>a)', 'look-around'],
    ['(a)\\1', 'back-references'],
    ['\\kx', 'no escape'],
    ['a{1001}', 'above 1000'],
    ['a{5,2}', 'ends before'],
    ['[z-a]', 'upside down'],
    ['(?#comment)', 'unknown group'],
  ])('refuses %s: %s', (pattern, fault) => {
    expect(re2Fault(pattern)).toContain(fault);
  });

  it('takes no more than linear time', () => {
    expect(re2Fault('(a'.repeat(20_000))).toContain('not closed');
  });
});
