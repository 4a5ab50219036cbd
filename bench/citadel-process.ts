// A Citadel in a process of its own, with one-time tokens made beforehand, for the benchmarks that ask it for certificates.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteLogs } from '../events/logs/sqlite.ts';
import { systemClock } from '../lib/clock.ts';
import { formatSpiffeId, type SpiffeId } from '../mesh/spiffe-id.ts';
import { createJoinToken } from '../services/citadel/attest/join-token.ts';
import { freePorts } from '../test/support/free-port.ts';
import { RunningPeriplus } from '../test/support/periplus.ts';
import { waitFor } from '../test/support/wait-for.ts';

/** Appends that wait for each other share a commit. */
const tokensAtATime = 500;

/** A workload that may ask once. */
export interface TokenHolder {
  readonly token: string;
  readonly spiffeId: string;
}

/** The process and what it used. */
export interface CitadelProcess {
  readonly port: number;
  /** PEM. */
  readonly roots: string;
  readonly holders: readonly TokenHolder[];
  cpuSeconds(): number;
  /** A line of /proc/PID/status: `VmRSS`, `VmHWM`. */
  mib(field: string): number;
  /** What it said last, if anything went wrong. */
  output(): string;
  stop(): Promise<void>;
}

const idOf = (index: number): SpiffeId => ({
  trustDomain: 'cluster.local',
  namespace: 'crowd',
  serviceAccount: `web-${index}`,
});

/** Starts it with tokens for `workloads`. */
export async function startCitadel(workloads: number): Promise<CitadelProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-crowd-'));
  const logFolder = join(folder, 'log');
  const holders = await makeTokens(logFolder, workloads);
  const [citadel = 0, admin = 0, web = 0] = await freePorts(3);
  const flags = { citadel, admin, 'citadel-web': web, xds: 0, 'xds-mtls': 0 };
  const ports = Object.entries(flags).flatMap(([name, port]) => [`--${name}-port`, String(port)]);
  const log = ['--log', `sqlite:${logFolder}`, '--data', folder, '--log-level', 'warn'];
  const server = new RunningPeriplus(['serve', '--roles', 'pilot,citadel', ...log, ...ports]);
  await server.untilServing(`http://127.0.0.1:${admin}/readyz`);
  const rootsFile = join(folder, 'citadel', 'root-cert.pem');
  await waitFor(() => existsSync(rootsFile), { what: 'the trust bundle file' });
  const proc = (file: string) => readFileSync(`/proc/${server.process.pid}/${file}`, 'utf8');
  return {
    port: citadel,
    roots: readFileSync(rootsFile, 'utf8'),
    holders,
    cpuSeconds: () => {
      const fields = proc('stat').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    mib: (field) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(proc('status'))?.[1]) / 1024),
    output: () => server.output.slice(-2_000),
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function makeTokens(logFolder: string, workloads: number): Promise<readonly TokenHolder[]> {
  const { facts, deliveries } = await openSqliteLogs(logFolder);
  const means = { facts, clock: systemClock, source: '/bench' };
  const one = async (index: number): Promise<TokenHolder> => {
    const id = idOf(index);
    const { token } = await createJoinToken(means, { id, actor: 'user:bench', lifeMs: 3_600_000 });
    return { token, spiffeId: formatSpiffeId(id) };
  };
  const holders: TokenHolder[] = [];
  for (let at = 0; at < workloads; at += tokensAtATime) {
    const some = Array.from({ length: Math.min(tokensAtATime, workloads - at) }, (_, i) => one(at + i));
    holders.push(...(await Promise.all(some)));
  }
  await Promise.all([facts.close(), deliveries.close()]);
  return holders;
}
