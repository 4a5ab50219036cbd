// `node bench/csr-crowd.ts [WORKLOADS]`: a whole mesh asks Citadel for certificates at once, with one-time tokens, over a connection each.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteLogs } from '../events/logs/sqlite.ts';
import { systemClock } from '../lib/clock.ts';
import { createJoinToken } from '../services/citadel/attest/join-token.ts';
import { askAtOnce, crowdOf } from '../test/support/csr-crowd.ts';
import { freePorts } from '../test/support/free-port.ts';
import { RunningPeriplus } from '../test/support/periplus.ts';
import { waitFor } from '../test/support/wait-for.ts';

/** Appends that wait for each other share a commit. */
const tokensAtATime = 500;

const workloads = Number(process.argv[2] ?? 5_000);
const folder = mkdtempSync(join(tmpdir(), 'periplus-crowd-'));
const logFolder = join(folder, 'log');
const { facts, deliveries } = await openSqliteLogs(logFolder);
const tokens: string[] = [];
const tokenOf = async (index: number) => {
  const id = { trustDomain: 'cluster.local', namespace: 'crowd', serviceAccount: `web-${index}` };
  const means = { facts, clock: systemClock, source: '/bench' };
  return (await createJoinToken(means, { id, actor: 'user:bench', lifeMs: 3_600_000 })).token;
};
for (let at = 0; at < workloads; at += tokensAtATime) {
  const some = Array.from({ length: Math.min(tokensAtATime, workloads - at) }, (_, i) => tokenOf(at + i));
  tokens.push(...(await Promise.all(some)));
}
await Promise.all([facts.close(), deliveries.close()]);
const crowd = await crowdOf(tokens);

const [citadel = 0, admin = 0, web = 0] = await freePorts(3);
const flags = { citadel, admin, 'citadel-web': web, xds: 0, 'xds-mtls': 0 };
const ports = Object.entries(flags).flatMap(([name, port]) => [`--${name}-port`, String(port)]);
const server = new RunningPeriplus([
  ...[
    'serve',
    '--roles',
    'pilot,citadel',
    '--log',
    `sqlite:${logFolder}`,
    '--data',
    folder,
    '--log-level',
    'warn',
    ...ports,
  ],
]);
try {
  await server.untilServing(`http://127.0.0.1:${admin}/readyz`);
  const status = () => readFileSync(`/proc/${server.process.pid}/status`, 'utf8');
  const mib = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status())?.[1]) / 1024);
  const cpuSeconds = () => {
    const fields = readFileSync(`/proc/${server.process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const [restMiB, restCpu] = [mib('VmRSS'), cpuSeconds()];
  const rootsFile = join(folder, 'citadel', 'root-cert.pem');
  await waitFor(() => existsSync(rootsFile), { what: 'the trust bundle file' });
  const roots = readFileSync(rootsFile, 'utf8');
  const result = await askAtOnce(crowd, { port: citadel, roots, limitMs: 300_000 });
  const { served, seconds, p50Ms, lastMs, retries, failures } = result;
  process.stdout.write(
    `${served} of ${workloads} served in ${seconds.toFixed(1)} s (${Math.round(served / seconds)}/s; half after ${p50Ms} ms, last ${lastMs} ms), ` +
      `${retries} asked again; Citadel: ${(cpuSeconds() - restCpu).toFixed(1)} CPU-s, RSS ${restMiB} MiB before, ${mib('VmHWM')} MiB at most\n` +
      failures.map((failure) => `failed: ${failure}\n`).join(''),
  );
  process.exitCode = served === workloads ? 0 : 1;
} finally {
  await server.stop();
  if (process.exitCode) process.stdout.write(server.output.slice(-2_000));
  rmSync(folder, { recursive: true, force: true });
}
