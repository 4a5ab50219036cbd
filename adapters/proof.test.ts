import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const page = readFileSync(join(root, 'docs/adapters-proof.md'), 'utf8');

/** Each file that the page names, with the titles that follow it. */
const named = page
  .split('\n')
  .flatMap((line) => line.split(/(?=`(?:adapters|bench|cli|run|services|test)\/[^`]+\.ts`)/).slice(1))
  .map((part) => ({
    file: /^`([^`]+)`/.exec(part)?.[1] ?? '',
    titles: [...part.matchAll(/“([^”]+)”/g)].map(([, title = '']) => title),
  }));

describe('docs/adapters-proof.md names tests that exist', () => {
  it('many of them', () => expect(named.flatMap(({ titles }) => titles).length).toBeGreaterThan(50));

  it.each(named)('$file $titles', ({ file, titles }) => {
    expect(existsSync(join(root, file))).toBe(true);
    const text = readFileSync(join(root, file), 'utf8');
    for (const title of titles) expect(text).toContain(title);
  });
});
