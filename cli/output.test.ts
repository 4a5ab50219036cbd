import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { age, labels, styleFor, table } from './output.ts';

describe('table', () => {
  it('aligns columns and leaves no trailing spaces', () => {
    const text = table(
      ['NAME', 'HOSTS'],
      [
        ['reviews', '["reviews"]'],
        ['a', '-'],
      ],
    );
    expect(text).toBe('NAME      HOSTS\nreviews   ["reviews"]\na         -\n');
  });

  it('measures what is seen, not the escapes that colour it', () => {
    const style = styleFor(true, {});
    const text = table(
      ['STATE', 'X'],
      [
        [style.green('SYNCED'), 'y'],
        ['NOT SENT', 'z'],
      ],
      style,
    );
    const columns = text
      .split('\n')
      .slice(1, 3)
      .map((line) => stripVTControlCharacters(line).search(/[yz]/));
    expect(columns).toEqual([11, 11]);
  });
});

describe('styleFor', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('terminal %s, environment %j: colours %s', (terminal, env, colours) => {
    expect(styleFor(terminal, env).red('x') !== 'x').toBe(colours);
  });
});

describe('age', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  it.each([
    ['2026-11-22T11:59:15Z', '45s'],
    ['2026-11-22T11:48:00Z', '12m'],
    ['2026-11-22T08:40:00Z', '3h20m'],
    ['2026-11-22T09:00:00Z', '3h'],
    ['2026-11-17T09:00:00Z', '5d'],
    ['2026-11-22T13:00:00Z', '0s'],
    [undefined, '-'],
    ['nonsense', '-'],
  ])('%s is %s old', (time, expected) => expect(age(time, now)).toBe(expected));
});

describe('labels', () => {
  it('prints in key order', () => {
    expect(labels({ version: 'v1', app: 'reviews' })).toBe('app=reviews,version=v1');
    expect(labels({})).toBe('-');
  });
});
