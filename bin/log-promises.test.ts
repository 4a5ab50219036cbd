// docs/log-promises.md has a row for each promise of the contract suite, and none that is no more; no promise is shown as broken.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

it('is of the contract suite as it is: else run "npm run promises"', () => {
  const folder = join(root, 'events/logs');
  const sources = readdirSync(folder).filter((name) => /^contract-(?!fixture).*\.ts$/.test(name));
  const promises = sources.flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/\bit\(\s*'([^']+)'/g)].map((match) => match[1] ?? ''),
  );
  const page = readFileSync(join(root, 'docs/log-promises.md'), 'utf8');
  const rows = [...page.matchAll(/^\| [^|]+ \| ([^|]+) \|(.*)$/gm)].filter(([, title]) => title !== 'promise');
  expect(promises.length).toBeGreaterThan(30);
  expect(rows.map(([, title = '']) => title).sort()).toEqual(promises.sort());
  for (const [, title, cells] of rows) expect(cells, title).not.toMatch(/broken/);
});
