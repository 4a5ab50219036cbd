// The commands of a guide in docs/guides, so that a test runs them word for word.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './periplus.ts';

/** The text of `docs/guides/NAME.md`. */
export function guideText(name: string): string {
  return readFileSync(join(root, 'docs/guides', `${name}.md`), 'utf8');
}

/** The lines of its `sh` blocks, without comments. */
export function guideCommands(name: string): readonly string[] {
  return [...guideText(name).matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/\s#.*/, '').trim())
    .filter((line) => line !== '');
}

/** A folder in which a reader would type them: `deploy/` and `examples/` are there, `periplus` and `programs` are on the path. */
export function guideShell(
  folder: string,
  {
    programs = {},
    env = {},
  }: { readonly programs?: Readonly<Record<string, string>>; readonly env?: NodeJS.ProcessEnv },
) {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['deploy', 'examples']) symlinkSync(join(root, name), join(folder, name));
  for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(bin, name));
  const own = join(bin, 'periplus');
  writeFileSync(own, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/periplus.js')}' "$@"\n`);
  chmodSync(own, 0o755);
  const surroundings = { ...process.env, ...env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  return (line: string) =>
    new Promise<{ readonly code: number | null; readonly output: string }>((resolve, reject) => {
      const options = { cwd: folder, env: surroundings, timeout: 60_000 };
      const child = spawn('/bin/sh', ['-c', line], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, output }));
    });
}
