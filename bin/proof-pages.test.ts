// docs/*-proof.md name tests that are there, by file and title.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('-proof.md'));

/** Each file that a line names, with the quoted titles that follow it. */
function named(page: string) {
  return page.split('\n').flatMap((line) =>
    line
      .split(/(?=`[\w-]+\/[^`]+\.ts`)/)
      .filter((part) => part.startsWith('`'))
      .map((part) => ({
        file: /^`([^`]+)`/.exec(part)?.[1] ?? '',
        titles: [...part.matchAll(/[“"]([^”"]+)[”"]/g)].map(([, title = '']) => title),
      })),
  );
}

const texts = new Map<string, string>();
/** Of a file; quotes within titles may be escaped there. */
function textOf(file: string): string {
  const text = texts.get(file) ?? readFileSync(join(root, file), 'utf8').replaceAll('\\', '');
  texts.set(file, text);
  return text;
}

describe.each(pages)('docs/%s', (name) => {
  const all = named(readFileSync(join(root, 'docs', name), 'utf8'));
  it('names many tests', () => expect(all.flatMap(({ titles }) => titles).length).toBeGreaterThan(40));
  it('names tests that are there', () => {
    const missing = all.flatMap(({ file, titles }) =>
      titles.filter((title) => !textOf(file).includes(title)).map((title) => `${file}: ${title}`),
    );
    expect(missing).toEqual([]);
  });
});
