// Finds the OPA to test with: `$PERIPLUS_OPA`, else one on PATH, else one in the cache. It is not built here: that takes minutes, and one test needs it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';

/** The release that compiled services/mixer/handlers/testdata/authz.wasm. */
const opaVersion = '1.22.2';

/** Path of an OPA, or why there is none. */
export function findOpa(env: NodeJS.ProcessEnv = process.env): { readonly path: string } | { readonly why: string } {
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', 'opa'));
  const cached = join(cacheFolder(env), `opa-${opaVersion}-${process.platform}-${process.arch}`, 'opa');
  const candidates = env.PERIPLUS_OPA ? [env.PERIPLUS_OPA] : [...onPath, cached];
  const found = candidates.find((path) => existsSync(path) && runs(path));
  if (found !== undefined) return { path: found };
  return {
    why: `there is no opa; go install github.com/open-policy-agent/opa@v${opaVersion} and put it on PATH or name it in PERIPLUS_OPA`,
  };
}

function runs(path: string): boolean {
  const run = spawnSync(path, ['version'], { encoding: 'utf8', timeout: 30_000 });
  return run.status === 0 && run.stdout.startsWith('Version:');
}
