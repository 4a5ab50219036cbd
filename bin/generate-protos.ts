// Generates gen/ (protobuf code for Envoy's xDS API) from the protos that @grpc/grpc-js-xds ships; run by `npm ci`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { stripValidateOptions } from './strip-validate-options.ts';

const root = resolve(import.meta.dirname, '..');
const gen = join(root, 'gen');
const require = createRequire(import.meta.url);
const source = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');

/** Folders under deps/ that are import roots. */
const importRoots = ['envoy-api', 'xds', 'googleapis'];
/** Superseded API versions and files whose imports the package does not ship. */
const excluded = [
  /^envoy\/.*\/v[12](alpha\d*|beta\d*)?\//,
  /opencensus/,
  /^google\/api\/(service|endpoint)/,
  /service\/trace\/v3/,
  /config\/trace\/v3\/trace\.proto/,
  /open_telemetry\/v3\/logs_service/,
  /metrics\/v3\/metrics_service/,
  /access_loggers\/open_telemetry/,
  // Here in Envoy 1.40's version: bin/protos.
  /filters\/http\/(local_)?ratelimit\/v3/,
];

/** Hash of everything the output depends on, so that an unchanged tree is not generated again. */
function inputHash(): string {
  const hash = createHash('sha256');
  for (const file of ['generate-protos.ts', 'strip-validate-options.ts', '../package-lock.json'])
    if (existsSync(join(import.meta.dirname, file))) hash.update(readFileSync(join(import.meta.dirname, file)));
  for (const file of globSync('protos/**/*.proto', { cwd: import.meta.dirname }).sort())
    hash.update(readFileSync(join(import.meta.dirname, file)));
  return hash.digest('hex');
}

function stage(to: string): void {
  for (const importRoot of importRoots) {
    const from = join(source, importRoot);
    for (const file of globSync('**/*.proto', { cwd: from })) {
      if (excluded.some((pattern) => pattern.test(file))) continue;
      const target = join(to, importRoot, file);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, stripValidateOptions(readFileSync(join(from, file), 'utf8')));
    }
  }
  const own = join(root, 'bin', 'protos');
  if (existsSync(own)) cpSync(own, join(to, 'own'), { recursive: true });
  const modules = [...importRoots, ...(existsSync(own) ? ['own'] : [])].map((path) => `  - path: ${path}`);
  writeFileSync(join(to, 'buf.yaml'), ['version: v2', 'modules:', ...modules, ''].join('\n'));
  writeFileSync(
    join(to, 'buf.gen.yaml'),
    [
      'version: v2',
      'plugins:',
      `  - local: ${JSON.stringify(join(root, 'node_modules/.bin/protoc-gen-es'))}`,
      '    out: out',
      '    strategy: all',
      '    opt: [target=js+dts, import_extension=js]',
      '',
    ].join('\n'),
  );
}

const stamp = join(gen, '.input-hash');
if (existsSync(stamp) && readFileSync(stamp, 'utf8') === inputHash()) process.exit(0);
const started = performance.now();
process.stderr.write('periplus: generating protobuf code for the Envoy API (about 10 s, once) … ');
const work = join(tmpdir(), `periplus-protos-${process.pid}`);
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
stage(work);
const run = spawnSync(join(root, 'node_modules/.bin/buf'), ['generate'], { cwd: work, encoding: 'utf8' });
if (run.status !== 0) {
  process.stderr.write(`failed\n${run.stdout}${run.stderr}${run.error ?? ''}\n`.slice(0, 4000));
  process.exit(1);
}
// Renamed into place, so that what runs meanwhile finds the old code or the new, not half of it.
const [fresh, old] = [`${gen}-new-${process.pid}`, `${gen}-old-${process.pid}`];
cpSync(join(work, 'out'), fresh, { recursive: true });
writeFileSync(join(fresh, '.input-hash'), inputHash());
if (existsSync(gen)) renameSync(gen, old);
renameSync(fresh, gen);
for (const folder of [old, work]) rmSync(folder, { recursive: true, force: true });
process.stderr.write(
  `done in ${Math.round(performance.now() - started)} ms (${relative(process.cwd(), gen) || gen})\n`,
);
