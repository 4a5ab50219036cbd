// `node bench/svid-push.ts [AGENTS]`: new SVIDs to all agents at once, as after a rotation: from the first question to the last SVID in use.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdentityKeeper } from '../agent/identity/identity-keeper.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { supervise } from '../lib/service.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import { defaultCsrLimits } from '../services/citadel/csr/csr-server.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { startCitadel } from './citadel-process.ts';
import { percentile } from './statistics.ts';

const agents = Number(process.argv[2] ?? 300);
/** Medians of three see past one disturbed run. */
const rounds = 3;
const citadel = await startCitadel(agents);
const folder = mkdtempSync(join(tmpdir(), 'periplus-svid-push-'));
const stop = new AbortController();
const keepers = citadel.holders.map(
  ({ token, spiffeId }, index) =>
    new IdentityKeeper({
      folder: join(folder, String(index)),
      citadelAddresses: [`localhost:${citadel.port}`],
      citadelId: formatSpiffeId(controlPlaneId('cluster.local', 'citadel')),
      roots: async () => citadel.roots,
      token: async () => token,
      expected: spiffeId,
      clock: systemClock,
      logger: silentLogger,
      random: () => 0.5,
    }),
);
const running = supervise(keepers, { signal: stop.signal, clock: systemClock, logger: silentLogger });
try {
  await waitFor(() => keepers.every(({ svid }) => svid.value), { what: 'the first SVIDs', limitMs: 120_000 });
  for (let round = 0; round < rounds; round++) {
    // All agents are behind one address here, which may ask so often; its share is whole again by then.
    await sleep(
      (Math.max(0, 2 * agents - defaultCsrLimits.rate.burst) / defaultCsrLimits.rate.perSecond) * 1_000 + 1_000,
    );
    const [cpu, startedMs] = [citadel.cpuSeconds(), performance.now()];
    const takenMs = await Promise.all(keepers.map((keeper) => renewal(keeper, startedMs)));
    process.stdout.write(
      `${agents} agents: new SVIDs in use by half in ${Math.round(percentile(takenMs, 0.5))} ms, by all in ${Math.round(Math.max(...takenMs))} ms; ` +
        `Citadel: ${(citadel.cpuSeconds() - cpu).toFixed(2)} CPU-s\n`,
    );
  }
} finally {
  stop.abort();
  await running;
  await citadel.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Resolves with the ms since `startedMs` when a newer SVID is in use. */
async function renewal(keeper: IdentityKeeper, startedMs: number): Promise<number> {
  const before = keeper.svid.value;
  keeper.renewNow();
  for await (const svid of keeper.svid.watch(stop.signal)) if (svid !== before) break;
  return performance.now() - startedMs;
}
