// Hostnames with wildcards: overlap, intersection, order, namespaces.
import { describe, expect, it } from 'vitest';
import { compareSpecificity, hostsForNamespace, hostsOverlap, intersectHosts } from './hostname.ts';

describe('hostsOverlap', () => {
  it.each([
    ['foo.com', 'foo.com', true],
    ['foo.com', 'bar.com', false],
    ['*.com', 'foo.com', true],
    ['bar.com', '*.com', true],
    ['*.foo.com', 'foo.com', false],
    ['*', '*.com', true],
    ['*.bar.com', '*.foo.com', false],
  ])('%s and %s: %s', (a, b, expected) => expect(hostsOverlap(a, b)).toBe(expected));
});

describe('intersectHosts', () => {
  it.each([
    [['foo.com', 'bar.com'], ['*.com'], ['foo.com', 'bar.com']],
    [
      ['foo.com', '*.net'],
      ['*.com', 'bar.net'],
      ['foo.com', 'bar.net'],
    ],
    [['foo.com', '*.net'], ['*.bar.net'], ['*.bar.net']],
    [['*'], ['*'], ['*']],
    [['foo.com'], ['bar.com'], []],
  ])('%j and %j: %j', (a, b, expected) => expect(intersectHosts(a, b)).toEqual(expected));
});

describe('compareSpecificity', () => {
  it('puts plain names before wildcards and long ones before short ones', () => {
    const hosts = ['*', '*.com', 'a.com', '*.example.com', 'b.com', 'long.example.com'];
    expect(hosts.sort(compareSpecificity)).toEqual([
      'long.example.com',
      'a.com',
      'b.com',
      '*.example.com',
      '*.com',
      '*',
    ]);
  });
});

describe('hostsForNamespace', () => {
  it('keeps hosts without a namespace, with * and with this one, without their prefix', () => {
    expect(hostsForNamespace(['a.com', '*/b.com', 'ns/c.com', 'other/d.com'], 'ns')).toEqual([
      'a.com',
      'b.com',
      'c.com',
    ]);
  });
});
