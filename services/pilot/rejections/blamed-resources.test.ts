// Which resources a NACK's message means.
import { describe, expect, it } from 'vitest';
import { blamedResources } from './blamed-resources.ts';

const sent = ['outbound|80||a.b', 'outbound|80||a.b.c', '0.0.0.0_80', '0.0.0.0_8080', 'http.80'].map(
  (name) => [name, 'v'] as const,
);
const named = (message: string) => blamedResources(sent, message).map(([name]) => name);

describe('blamedResources', () => {
  it.each([
    ['Error adding/updating cluster(s) outbound|80||a.b: bad timeout', ['outbound|80||a.b']],
    [
      'Error adding/updating cluster(s) outbound|80||a.b.c: bad, outbound|80||a.b: bad',
      ['outbound|80||a.b', 'outbound|80||a.b.c'],
    ],
    ['Error adding/updating listener(s) 0.0.0.0_8080: no filter', ['0.0.0.0_8080']],
    ["route 'http.80' is wrong", ['http.80']],
    ['no such thing in http.80.', ['http.80']],
  ])('reads %s', (message, expected) => expect(named(message)).toEqual(expected));

  it('means any of them where the message names none', () => {
    expect(named('Only unique values for domains are permitted')).toHaveLength(sent.length);
  });
});
