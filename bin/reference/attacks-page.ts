// docs/reference/attacks.md: what attackers may try, the guard against each, and the test that fails without it.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { guards } from '../../test/security/guards.ts';
import { markdownTable, page } from './markdown.ts';

const root = resolve(import.meta.dirname, '../..');

/** The page. Throws where a guard is not in its file exactly once: then the list does not know any more what it guards. */
export function attacksPage(): string {
  const rows = guards.map(({ attack, file, guard, test, named }) => {
    const found = readFileSync(join(root, file), 'utf8').split(guard).length - 1;
    if (found !== 1)
      throw new Error(`test/security/guards.ts: the guard against ${attack} is ${found} times in ${file}`);
    return [attack, `\`${file}\``, `\`${test}\`${named === undefined ? '' : `: …${named}…`}`];
  });
  return page(
    '# Attacks and guards',
    '`npm run guards` takes each guard away, one after the other, in a copy of the checkout, and runs its test: it has to fail (some minutes in all). Other attacks have a twin without the guard in the test itself: `services/citadel/csr/issuance-attacks.test.ts` (names in CSRs), `test/security/edge-attacks.test.ts`.',
    markdownTable(['attack', 'guard in', 'test that fails without it'], rows),
  );
}
