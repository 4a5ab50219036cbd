// Where this package lies and which version it is, the same from source and from the compiled package.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Folder that holds package.json: the repository, or node_modules/periplus. */
export function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder)
      throw new Error('package.json is missing: the installation is incomplete, install periplus again');
    folder = above;
  }
  return folder;
}

/** The version in package.json. */
export function packageVersion(): string {
  const info = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { readonly version: string };
  return info.version;
}
