// Golden files for tests: NAME.in.EXT is put through a function, and must give NAME.out.EXT. `npm run golden` writes the outputs anew.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One pair of files. */
export interface Golden {
  readonly name: string;
  readonly input: string;
  /** What the test gave must equal this; with GOLDEN=rewrite it is written and given back. */
  expected(actual: string): string;
}

/** The pairs in `directory`, in order of their names. With GOLDEN=rewrite outputs without an input are deleted. */
export function goldenFiles(directory: string, extension = 'yaml'): readonly Golden[] {
  const rewrite = process.env.GOLDEN === 'rewrite';
  const [inEnd, outEnd] = [`.in.${extension}`, `.out.${extension}`];
  const files = readdirSync(directory).sort();
  const names = files.filter((file) => file.endsWith(inEnd)).map((file) => file.slice(0, -inEnd.length));
  const stale = files.filter((file) => file.endsWith(outEnd) && !names.includes(file.slice(0, -outEnd.length)));
  if (rewrite) for (const file of stale) rmSync(join(directory, file));
  else if (stale.length > 0) throw new Error(`no input for ${stale.join(', ')}: run npm run golden`);
  return names.map((name) => ({
    name,
    input: readFileSync(join(directory, `${name}${inEnd}`), 'utf8'),
    expected: (actual) => {
      const file = join(directory, `${name}${outEnd}`);
      if (rewrite) writeFileSync(file, actual);
      return existsSync(file) ? readFileSync(file, 'utf8') : 'no golden output yet: run npm run golden';
    },
  }));
}
