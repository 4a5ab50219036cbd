// `node bench/csr-crowd.ts [WORKLOADS]`: a whole mesh asks Citadel for certificates at once, with one-time tokens, over a connection each.
import { askAtOnce, crowdOf } from '../test/support/csr-crowd.ts';
import { startCitadel } from './citadel-process.ts';

const workloads = Number(process.argv[2] ?? 5_000);
const citadel = await startCitadel(workloads);
try {
  const crowd = await crowdOf(citadel.holders.map(({ token }) => token));
  const [restMiB, restCpu] = [citadel.mib('VmRSS'), citadel.cpuSeconds()];
  const result = await askAtOnce(crowd, { port: citadel.port, roots: citadel.roots, limitMs: 300_000 });
  const { served, seconds, p50Ms, lastMs, retries, failures } = result;
  process.stdout.write(
    `${served} of ${workloads} served in ${seconds.toFixed(1)} s (${Math.round(served / seconds)}/s; half after ${p50Ms} ms, last ${lastMs} ms), ` +
      `${retries} asked again; Citadel: ${(citadel.cpuSeconds() - restCpu).toFixed(1)} CPU-s, RSS ${restMiB} MiB before, ${citadel.mib('VmHWM')} MiB at most\n` +
      failures.map((failure) => `failed: ${failure}\n`).join(''),
  );
  process.exitCode = served === workloads ? 0 : 1;
} finally {
  if (process.exitCode) process.stdout.write(citadel.output());
  await citadel.stop();
}
