// Finds the consul to test with: `$PERIPLUS_CONSUL`, else one on PATH, else a pinned release built once from its Go module into the cache.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';
import { withInstallLock } from '../../agent/install-lock.ts';
import { runToEnd } from '../../agent/pip.ts';

/** Release of the Go module `github.com/hashicorp/consul`: the last whose sub-modules are all to be had. */
export const consulVersion = '1.19.2';

/** Path of a consul, or why there is none. Says on standard error what is being built. */
export async function findConsul(env: NodeJS.ProcessEnv = process.env): Promise<{ path: string } | { why: string }> {
  if (env.PERIPLUS_CONSUL)
    return runs(env.PERIPLUS_CONSUL)
      ? { path: env.PERIPLUS_CONSUL }
      : { why: `PERIPLUS_CONSUL=${env.PERIPLUS_CONSUL} does not run` };
  const onPath = (env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', 'consul'));
  const target = join(cacheFolder(env), `consul-${consulVersion}-${process.platform}-${process.arch}`, 'consul');
  const found = [...onPath, target].find((path) => existsSync(path) && runs(path));
  if (found !== undefined) return { path: found };
  if (spawnSync('go', ['version'], { env }).status !== 0)
    return { why: 'there is no Go to build it with; set PERIPLUS_CONSUL to a consul' };
  try {
    await withInstallLock({ path: `${target}.lock` }, () => build(target, env));
    return runs(target) ? { path: target } : { why: `${target} does not run here` };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

function runs(path: string): boolean {
  const run = spawnSync(path, ['version'], { encoding: 'utf8', timeout: 30_000 });
  return run.status === 0 && run.stdout.startsWith('Consul v');
}

/** In a module of our own, since the project itself can't be installed by `go install`; the binary gets its name by one rename. */
async function build(target: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (existsSync(target)) return;
  process.stderr.write(`building consul ${consulVersion} from its Go module (2 to 20 minutes, once) …\n`);
  const folder = join(dirname(target), `build-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    const module = `module periplus-test-consul\n\ngo 1.22\n\nrequire github.com/hashicorp/consul v${consulVersion}\n`;
    writeFileSync(join(folder, 'go.mod'), module);
    const tools = '//go:build tools\n\npackage tools\n\nimport _ "github.com/hashicorp/consul"\n';
    writeFileSync(join(folder, 'tools.go'), tools);
    const binary = join(folder, 'consul');
    const args = ['-C', folder, 'build', '-o', binary, 'github.com/hashicorp/consul'];
    const { code, output } = await runToEnd('go', args, { env: { ...env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' } });
    if (code !== 0) throw new Error(`go can't build consul: ${output.trim().split('\n').slice(-3).join(' / ')}`);
    renameSync(binary, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
