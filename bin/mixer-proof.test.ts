// docs/mixer-proof.md names tests that are there, by their titles.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

it('names tests that are there', () => {
  const page = readFileSync(join(root, 'docs/mixer-proof.md'), 'utf8');
  const named = [...page.matchAll(/`([\w/.-]+\.ts)` "([^"]+)"/g)].map(([, path = '', title = '']) => ({ path, title }));
  expect(named.length).toBeGreaterThan(40);
  const missing = named.filter(({ path, title }) => !textOf(path).includes(title));
  expect(missing).toEqual([]);
});

const texts = new Map<string, string>();
/** Of a test file; quotes within titles may be escaped there. */
function textOf(path: string): string {
  let text = texts.get(path);
  if (text === undefined) texts.set(path, (text = readFileSync(join(root, path), 'utf8').replaceAll('\\', '')));
  return text;
}
