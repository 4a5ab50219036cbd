// The part of a process's configuration that says which adapter modules of others it runs.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { readYaml } from '../mesh/config/yaml-source.ts';
import { packageRoot } from './package-info.ts';

/** One module. */
export interface AdapterModuleConfig {
  /** A package's name or a path. */
  readonly module: string;
  /** What its file says; may hold secrets. */
  readonly config: unknown;
  /** Where it is looked for: the working directory, then beside Periplus itself (both installed globally). */
  readonly folders: readonly string[];
}

/** Flags about adapter modules. */
export interface AdapterModuleFlags {
  /** `MODULE` or `MODULE:CONFIG.yaml`. */
  readonly adapter?: readonly string[];
}

/** A configuration of an adapter is small; a large file is another one. */
const maxBytes = 1 << 20;

/** The modules that `flags` mean; `wanted`: this process has the role adapters. Throws MeshError `usage`. */
export function adapterModulesOf(
  { adapter = [] }: AdapterModuleFlags,
  { workingDirectory, wanted }: { readonly workingDirectory: string; readonly wanted: boolean },
): readonly AdapterModuleConfig[] {
  if (adapter.length > 0 && !wanted)
    throw new MeshError('usage', '--adapter is run by the role adapters: add it to --roles');
  return adapter.map((text) => {
    const [, module = '', file] = /^([^:].*?)(?::([^:]+\.(?:ya?ml|json)))?$/.exec(text) ?? [];
    if (module === '')
      throw new MeshError(
        'usage',
        `--adapter "${text}": give MODULE or MODULE:CONFIG.yaml, such as ./mine.js:mine.yaml`,
      );
    const config = file === undefined ? {} : readConfig(resolve(workingDirectory, file));
    return { module, config, folders: [workingDirectory, packageRoot()] };
  });
}

function readConfig(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new MeshError('usage', `the configuration of an adapter can't be read: ${messageOf(error)}`);
  }
  const { documents, problems } = readYaml(text, { file: path, limits: { maxBytes } });
  const [problem] = problems;
  if (problem) throw new MeshError('usage', `${path}:${problem.line ?? 1}:${problem.column ?? 1}: ${problem.message}`);
  if (documents.length > 1) throw new MeshError('usage', `${path} has ${documents.length} documents; give one`);
  return documents[0]?.value ?? {};
}
