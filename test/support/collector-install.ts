// Finds the OpenTelemetry Collector to test with: `$PERIPLUS_OTELCOL`, else one built once from its Go modules into the cache, with the receivers that tests need.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';
import { withInstallLock } from '../../agent/install-lock.ts';
import { runToEnd } from '../../agent/pip.ts';

/** Release of the Go modules: the last all of whose parts are to be had. */
const collectorVersion = '0.160.0';

const core = 'go.opentelemetry.io/collector';
const contrib = 'github.com/open-telemetry/opentelemetry-collector-contrib';
const modules = [
  `${core}/otelcol`,
  `${core}/receiver/otlpreceiver`,
  `${contrib}/receiver/fluentforwardreceiver`,
  `${contrib}/receiver/statsdreceiver`,
  `${contrib}/exporter/fileexporter`,
];

/** Path of a collector with receivers for OTLP, Fluentd's forward protocol and statsd, or why there is none. Says what is being built. */
export async function findCollector(env: NodeJS.ProcessEnv = process.env): Promise<{ path: string } | { why: string }> {
  const name = `otelcol-${collectorVersion}-${process.platform}-${process.arch}`;
  const target = env.PERIPLUS_OTELCOL ?? join(cacheFolder(env), name, 'otelcol');
  if (runs(target)) return { path: target };
  if (env.PERIPLUS_OTELCOL) return { why: `PERIPLUS_OTELCOL=${target} does not run` };
  if (spawnSync('go', ['version'], { env }).status !== 0)
    return { why: 'there is no Go to build the OpenTelemetry Collector with; set PERIPLUS_OTELCOL to one' };
  try {
    await withInstallLock({ path: `${target}.lock` }, () => build(target, env));
    return runs(target) ? { path: target } : { why: `${target} does not run here` };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

function runs(path: string): boolean {
  return existsSync(path) && spawnSync(path, ['--version'], { timeout: 30_000 }).status === 0;
}

/** The binary gets its name by one rename, so that a half-finished one is never used. */
async function build(target: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (existsSync(target)) return;
  process.stderr.write(`building the OpenTelemetry Collector ${collectorVersion} (2 to 10 minutes, once) …\n`);
  const folder = join(dirname(target), `build-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    const required = modules.map((module) => `\t${module} v${collectorVersion}\n`).join('');
    writeFileSync(join(folder, 'go.mod'), `module periplus-test-collector\n\ngo 1.25\n\nrequire (\n${required})\n`);
    copyFileSync(join(import.meta.dirname, 'collector/main.go'), join(folder, 'main.go'));
    const binary = join(folder, 'otelcol');
    const args = ['-C', folder, 'build', '-o', binary, '.'];
    const { code, output } = await runToEnd('go', args, { env: { ...env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' } });
    if (code !== 0) throw new Error(`go can't build the collector: ${output.trim().split('\n').slice(-3).join(' / ')}`);
    renameSync(binary, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
