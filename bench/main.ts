// `npm run bench`: prints the tables of bench/README.md. `--quick` runs the small mesh once; `--growth` runs large meshes alone; `--log-only` leaves the meshes out, `--csr-only` all but signing, `--mixer-only` all but policies and telemetry.
import { availableParallelism } from 'node:os';
import type { RecordedEvent } from '../events/envelope.ts';
import { meshProjection } from '../mesh/mesh-state.ts';
import { SnapshotBuilder } from '../mesh/snapshot-builder.ts';
import { type CsrRate, measureCsrs } from './csr.ts';
import { measureOpen, openTemporaryJetStream, withNats } from './jetstream-log.ts';
import { kurrentDbForBench } from './kurrentdb-log.ts';
import { measureAppends, measureReplay, type OpenForBench, openTemporaryMemory, openTemporarySqlite } from './log.ts';
import { benchEndpoint, benchService, endpointFact, serviceFact } from './mesh.ts';
import { type MeshRun, type MeshSize, runMesh } from './mesh-run.ts';
import { mixerTables } from './mixer.ts';
import { saturation, saturationTable } from './mixer-saturation.ts';
import { median } from './statistics.ts';

const quick = process.argv.includes('--quick');
/** Medians of three: enough to see past one disturbed run. */
const runs = quick ? 1 : 3;
const size = (services: number, proxies: number): MeshSize => ({ services, endpoints: 4, proxies });
const sizes: readonly MeshSize[] = quick
  ? [size(50, 50)]
  : [50, 500, 2000].flatMap((services) => [size(services, 50), size(services, 300)]);
/** What grows: proxies at 500 services and alone, services at 50 proxies, and both. */
const growth: readonly MeshSize[] = [size(500, 1000), size(500, 2000), size(50, 5000), size(5000, 50), size(5000, 300)];

/** istiod 1.32-dev on two cores with its load client beside it: 500 services, 300 proxies (see bench/README.md). */
const peer = '| istiod 500 | 300 | 7,600–12,100 | 16 | ≈ 100 | | | 620–903 | 1,400 | | | 79 | 404–630 |';

const number = (value: number, digits = 0) =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });

function meshRow(size: MeshSize, measured: readonly MeshRun[]): string {
  const of = (field: keyof MeshRun, digits = 0) => number(median(measured.map((run) => run[field])), digits);
  const cells = [
    of('connectAllMs'),
    of('connectCpuSeconds', 2),
    of('endpointP50Ms', 1),
    of('endpointP99Ms', 1),
    of('endpointCpuMs'),
    of('routeP50Ms', 1),
    of('routeP99Ms', 1),
    of('routeCpuMs'),
    of('endpointMiB', 2),
    of('routeMiB', 1),
    of('rssMiB'),
  ];
  return `| ${number(size.services)} | ${size.proxies} | ${cells.join(' | ')} |`;
}

/** Milliseconds to fold a million facts that are in memory already and freeze a snapshot. */
function foldMs(): number {
  const total = 1_000_000;
  const events: RecordedEvent[] = [];
  for (let i = 0; i < 2000; i++) events.push(recorded(serviceFact(benchService(i)), events.length + 1));
  while (events.length < total) {
    const i = events.length;
    const endpoint = benchEndpoint(i % 2000, (i >> 11) % 4, `10.77.${(i >> 8) & 255}.${i & 255}`);
    events.push(recorded(endpointFact(endpoint), i + 1));
  }
  const started = performance.now();
  const builder = new SnapshotBuilder();
  for (const event of events) builder.apply(event);
  builder.snapshot();
  return performance.now() - started;
}

function recorded(event: ReturnType<typeof endpointFact>, position: number): RecordedEvent {
  return { ...event, specversion: '1.0', position, version: 1, previousHash: '' };
}

async function table(sizes: readonly MeshSize[], runs: number): Promise<void> {
  console.log(
    '| services × 4 | proxies | all connected ms | CPU-s | endpoint p50 ms | p99 | CPU ms | route p50 ms | p99 | CPU ms | endpoint MiB | route MiB | RSS MiB |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|---|---|');
  for (const size of sizes) {
    const measured: MeshRun[] = [];
    for (let run = 0; run < runs; run++) measured.push(await runMesh(size));
    console.log(meshRow(size, measured));
  }
  console.log(peer);
}

/** Rates of one log, medians: durable appends by batch size, events read back, events read back and folded. */
async function logRow(name: string, open: OpenForBench, sizes: { readonly small: number; readonly large: number }) {
  const cells: string[] = [];
  for (const batchSize of [1, 100, 1000]) {
    const events = batchSize === 1 ? sizes.small : sizes.large;
    const rates: number[] = [];
    for (let run = 0; run < runs; run++) rates.push((await measureAppends(open, { events, batchSize })).perSecond);
    cells.push(number(median(rates)));
  }
  const replay = await measureReplay(open, { events: sizes.large * 2, projection: meshProjection });
  cells.push(number(replay.read.perSecond), number(replay.fold.perSecond));
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}

async function logTable(): Promise<void> {
  console.log('\n| log | durable appends/s, batches of 1 | of 100 | of 1,000 | read back/s | read back and folded/s |');
  console.log('|---|---|---|---|---|---|');
  await logRow('memory', openTemporaryMemory, { small: 10_000, large: 100_000 });
  await logRow('SQLite', openTemporarySqlite, { small: 10_000, large: 100_000 });
  await logRow('JetStream, `sync_interval: always`', openTemporaryJetStream, { small: 2_000, large: 20_000 });
  const kurrentDb = kurrentDbForBench();
  if (kurrentDb) await logRow('KurrentDB', kurrentDb, { small: 2_000, large: 20_000 });
  else console.log('| KurrentDB | not run: PERIPLUS_KURRENTDB_URL names no server | | | | |');
  console.log(
    '\n| JetStream log opened and checked | ms | RSS before, MiB | at most | in use more than with an empty log | read back/s | read back and folded/s |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const events of quick ? [20_000] : [100_000, 1_000_000]) {
    const { ms, beforeMiB, peakMiB, liveMiB, read, fold } = await measureOpen(events);
    const cells = [number(ms), beforeMiB, peakMiB, liveMiB, number(read.perSecond), number(fold.perSecond)];
    console.log(`| ${number(events)} events | ${cells.join(' | ')} |`);
  }
  console.log('\n| | ms |\n|---|---|');
  console.log(`| 1,000,000 events in memory folded | ${number(median(Array.from({ length: runs }, foldMs)))} |`);
}

/** The same change with the log in the process, and with NATS between its writer and Pilot. */
async function natsTable(): Promise<void> {
  const size: MeshSize = quick
    ? { services: 50, endpoints: 4, proxies: 50 }
    : { services: 500, endpoints: 4, proxies: 50 };
  console.log(`\n| ${size.services} services, ${size.proxies} proxies | endpoint p50 ms | p99 | route p50 ms | p99 |`);
  console.log('|---|---|---|---|---|');
  const row = async (name: string, run: () => Promise<MeshRun>) => {
    const measured: MeshRun[] = [];
    for (let i = 0; i < runs; i++) measured.push(await run());
    const of = (field: keyof MeshRun) => number(median(measured.map((one) => one[field])), 1);
    console.log(
      `| ${name} | ${of('endpointP50Ms')} | ${of('endpointP99Ms')} | ${of('routeP50Ms')} | ${of('routeP99Ms')} |`,
    );
  };
  await row('SQLite in the process', () => runMesh(size));
  await row('NATS JetStream between', () => withNats((server) => runMesh(size, server.url())));
}

async function csrTable(): Promise<void> {
  console.log('\n| certificates signed | a second | CPU ms each |\n|---|---|---|');
  const cores = availableParallelism();
  for (const [name, threads] of [
    ['on one thread', 0],
    [`on ${cores} cores`, cores],
  ] as const) {
    const rates: CsrRate[] = [];
    for (let run = 0; run < runs; run++) rates.push(await measureCsrs({ count: quick ? 300 : 1_500, threads }));
    const of = (field: keyof CsrRate, digits: number) => number(median(rates.map((rate) => rate[field])), digits);
    console.log(`| ${name} | ${of('perSecond', 0)} | ${of('cpuMs', 1)} |`);
  }
}

if (process.argv.includes('--csr-only')) {
  await csrTable();
  process.exit(0);
}
if (process.argv.includes('--growth')) {
  await table(growth, 1);
  process.exit(0);
}
/** Medians of five, as the aims say; a short run is for trying. */
const mixerOptions = quick ? { perSecond: 200, seconds: 3, rounds: 1 } : { perSecond: 1_000, seconds: 6, rounds: 5 };
if (process.argv.includes('--mixer-only')) {
  await mixerTables(mixerOptions);
  await saturationTable(quick ? { seconds: 1, rounds: 1 } : saturation);
  // What telemetry costs prints itself.
  if (!quick) await import('./telemetry.ts');
  process.exit(0);
}
if (!process.argv.includes('--log-only')) await table(sizes, runs);
await natsTable();
if (!process.argv.includes('--log-only')) await csrTable();
await logTable();
if (!process.argv.includes('--log-only')) {
  await mixerTables(mixerOptions);
  await saturationTable(saturation);
}
process.exit(0);
