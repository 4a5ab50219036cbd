// Writes a package with a working adapter for somebody's platform, from examples/adapter-template.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MeshError, messageOf } from '../lib/mesh-error.ts';

/** In the checkout, or in the package beside the compiled code. */
const template = resolve(import.meta.dirname, '..', 'examples', 'adapter-template');

/** File of the template by the file that it becomes: npm and vitest must not take the template for a package. */
const files = (name: string): Readonly<Record<string, string>> => ({
  'package.json': 'package-template.json',
  'adapter.js': 'adapter.js',
  'adapter.test.js': 'adapter-test.js',
  [`${name}.yaml`]: 'my-platform.yaml',
  'README.md': 'README.md',
});

/** Rejects with MeshError `usage` for a name that is none, `conflict` when the folder exists. Gives the names of what it wrote. */
export async function newAdapter(
  name: string,
  folder: string,
): Promise<{ readonly folder: string; readonly files: readonly string[] }> {
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(name))
    throw new MeshError('usage', `"${name}" is no name of a platform: give lower-case letters, digits and dashes`);
  const texts = new Map<string, string>();
  for (const [file, from] of Object.entries(files(name)))
    texts.set(file, (await readFile(join(template, from), 'utf8')).replaceAll('my-platform', name));
  try {
    await mkdir(folder);
  } catch (error) {
    const exists = (error as { readonly code?: unknown }).code === 'EEXIST';
    throw exists
      ? new MeshError('conflict', `${folder} exists; give another place with --dir`)
      : new MeshError('usage', `${folder} can't be made: ${messageOf(error)}`);
  }
  for (const [file, text] of texts) await writeFile(join(folder, file), text);
  return { folder, files: [...texts.keys()] };
}
