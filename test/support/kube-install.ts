// Finds the kube-apiserver and etcd to test with: built once from their Go modules into the cache. Run as a script, it does the building.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';
import { withInstallLock } from '../../agent/install-lock.ts';

/** Release of the module k8s.io/kubernetes; its staging modules have the same number under v0. */
export const kubernetesVersion = '1.36.3';

/** Release of the module go.etcd.io/etcd/server/v3. */
export const etcdVersion = '3.6.16';

/** Paths of the two programs. */
export interface KubeBinaries {
  readonly apiserver: string;
  readonly etcd: string;
}

interface Program {
  /** Environment variable that names a program to use instead. */
  readonly variable: string;
  readonly name: string;
  readonly version: string;
  readonly package: string;
  readonly ldflags: string;
  readonly expects: string;
  /** Lines of go.mod after `module` and `go`; may ask Go for the module's own go.mod. */
  goMod(folder: string): string;
}

const apiserver: Program = {
  variable: 'PERIPLUS_KUBE_APISERVER',
  name: 'kube-apiserver',
  version: kubernetesVersion,
  package: 'k8s.io/kubernetes/cmd/kube-apiserver',
  ldflags: `-s -w -X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`,
  expects: '6 to 15 minutes',
  goMod: (folder) => {
    const module = `k8s.io/kubernetes@v${kubernetesVersion}`;
    const answer = JSON.parse(runGo(['mod', 'download', '-json', module], folder)) as { readonly GoMod: string };
    // In its own tree the staging modules are folders; published, they are modules of the same release.
    const staging = [...readFileSync(answer.GoMod, 'utf8').matchAll(/^\s*(k8s\.io\/\S+) => \.\/staging/gm)];
    const replaces = staging.map(
      ([, path]) => `replace ${path} => ${path} v${kubernetesVersion.replace(/^1\./, '0.')}`,
    );
    return [`require k8s.io/kubernetes v${kubernetesVersion}`, ...replaces].join('\n');
  },
};

const etcd: Program = {
  variable: 'PERIPLUS_ETCD',
  name: 'etcd',
  version: etcdVersion,
  package: 'go.etcd.io/etcd/server/v3',
  ldflags: '-s -w',
  expects: '1 to 3 minutes',
  goMod: () => `require go.etcd.io/etcd/server/v3 v${etcdVersion}`,
};

/** The programs if they are there already (named by variable or in the cache), else why not. Builds nothing. */
export function findKube(env: NodeJS.ProcessEnv = process.env): KubeBinaries | { readonly why: string } {
  const missing = [apiserver, etcd].filter((program) => !existsSync(pathOf(program, env)));
  if (missing.length === 0) return { apiserver: pathOf(apiserver, env), etcd: pathOf(etcd, env) };
  const names = missing.map(({ name, version }) => `${name} ${version}`).join(' and ');
  return { why: `${names} not built yet: run \`node test/support/kube-install.ts\` once (needs Go 1.26 or later)` };
}

/** Builds what is missing, with low priority. Rejects with Go's last words when it fails. */
export async function buildKube(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  for (const program of [etcd, apiserver]) {
    const target = pathOf(program, env);
    if (existsSync(target)) continue;
    await withInstallLock({ path: `${target}.lock` }, () => build(program, target));
  }
}

function pathOf({ variable, name, version }: Program, env: NodeJS.ProcessEnv): string {
  return env[variable] ?? join(cacheFolder(env), `${name}-${version}-${process.platform}-${process.arch}`, name);
}

async function build(program: Program, target: string): Promise<void> {
  if (existsSync(target)) return;
  process.stderr.write(`building ${program.name} ${program.version} from Go modules (${program.expects}, once) …\n`);
  const staging = join(dirname(target), `staging-${process.pid}`);
  try {
    mkdirSync(staging, { recursive: true });
    writeFileSync(join(staging, 'go.mod'), 'module build\n');
    const lines = program.goMod(staging);
    writeFileSync(join(staging, 'go.mod'), `module build\n\ngo 1.26.0\n\n${lines}\n`);
    const output = join(staging, program.name);
    const flags = ['-mod=mod', '-trimpath', '-buildvcs=false', `-ldflags=${program.ldflags}`, '-o', output];
    await runNiced(['build', ...flags, program.package], staging);
    renameSync(output, target);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** CGO would ask for a C compiler, workspaces of the surroundings would interfere. */
const goEnvironment = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };

function runGo(args: readonly string[], cwd: string): string {
  const run = spawnSync('go', args, { cwd, env: goEnvironment, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (run.error) throw new Error(`go can't be run: ${run.error.message}`);
  if (run.status !== 0)
    throw new Error(`go ${args.join(' ')} failed: ${run.stderr.slice(-2_000)}${run.stdout.slice(-500)}`);
  return run.stdout;
}

function runNiced(args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nice', ['-n', '15', 'go', ...args], { cwd, env: goEnvironment, stdio: ['ignore', 2, 'pipe'] });
    let words = '';
    child.stderr?.on('data', (chunk) => (words = (words + chunk).slice(-4_000)));
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`go ${args.join(' ')} failed: ${words}`));
    });
  });
}

if (import.meta.main) {
  await buildKube();
  const found = findKube();
  process.stdout.write('why' in found ? `${found.why}\n` : `${found.apiserver}\n${found.etcd}\n`);
}
