// How many checks a Mixer answers with one core, asked without pause and without Envoys between. Run: `node bench/mixer-saturation.ts`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { NewEvent } from '../events/envelope.ts';
import type { ServerIdentity } from '../lib/renewable-credentials.ts';
import { parseDocuments } from '../mesh/config/parse.ts';
import { checkCallKey, encodeCheckCall } from '../mesh/policy/check-call.ts';
import { compilePolicies } from '../mesh/policy/compile-policies.ts';
import { configApplied, snapshotOf } from '../mesh/snapshot-fixture.ts';
import { authorizationService } from '../services/mixer/check/authorization-server.ts';
import { testCertificate } from '../test/support/test-certificate.ts';
import type { CheckLoadOrder, CheckLoadResult } from './check-load.child.ts';
import { startMixer } from './mixer-process.ts';
import { benchCheck, benchPolicy, benchRules, onlyInMixer } from './mixer-rules.ts';
import { median } from './statistics.ts';

/** How long and how often. */
export interface SaturationOptions {
  readonly seconds: number;
  readonly rounds: number;
}

/** Medians of five, as the aims say. */
export const saturation: SaturationOptions = { seconds: 2, rounds: 5 };

/** How much is under way at once. */
interface Crowd {
  readonly connections: number;
  readonly callsPerConnection: number;
}

/** One at a time, each waking Mixer anew; and as two busy Envoys of two worker threads each. */
const crowds: readonly Crowd[] = [
  { connections: 1, callsPerConnection: 1 },
  { connections: 4, callsPerConnection: 16 },
];

/** Prints the table. */
export async function saturationTable(options: SaturationOptions): Promise<void> {
  console.log(
    `\n| Mixer asked without pause, medians of ${options.rounds} | under way at once | checks/s | checks a CPU second of Mixer | p50 ms | p99 ms | failed |`,
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const crowd of crowds) await printRow('remote: mutual TLS', { ...options, ...crowd, identity: certificate() });
  for (const crowd of crowds) await printRow('beside the proxy: plaintext, loopback', { ...options, ...crowd });
}

async function printRow(
  name: string,
  { identity, rounds, ...load }: SaturationOptions & Crowd & { readonly identity?: ServerIdentity },
): Promise<void> {
  const { events, call } = policy();
  const mixer = await startMixer(events, identity ? { identity } : {});
  const base64 = (user: string) => Buffer.from(benchCheck(user)).toString('base64');
  const order: CheckLoadOrder = {
    ...{ ...load, port: mixer.port, path: authorizationService.Check.path, headers: { [checkCallKey]: call } },
    ...{ message: base64('alice'), refused: base64('mallory') },
    ...(identity && {
      tls: { cert: identity.certificateChain, key: identity.privateKey, ca: identity.certificateChain },
    }),
  };
  await runClient({ ...order, seconds: 1 });
  const runs: (CheckLoadResult & { readonly perCpuSecond: number })[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = await mixer.cpuSeconds();
    const result = await runClient(order);
    runs.push({ ...result, perCpuSecond: result.answered / ((await mixer.cpuSeconds()) - before) });
  }
  mixer.stop();
  const of = (field: keyof (typeof runs)[number], digits = 0) => median(runs.map((run) => run[field])).toFixed(digits);
  const perSecond = (Number(of('answered')) / load.seconds).toFixed(0);
  const atOnce = `${load.connections} × ${load.callsPerConnection}`;
  const times = `${of('p50Ms', 2)} | ${of('p99Ms', 2)}`;
  console.log(`| ${name} | ${atOnce} | ${perSecond} | ${of('perCpuSecond')} | ${times} | ${of('failed')} |`);
}

/** The policy's fact, and what a proxy says that leaves its rules to Mixer. */
function policy(): { readonly events: readonly NewEvent[]; readonly call: string } {
  const { objects } = parseDocuments(benchPolicy('asked', benchRules(onlyInMixer)));
  const config = objects.flatMap((one) => (one.type === 'config' ? [one.resource] : []));
  const common = { source: '/bench', time: new Date().toISOString(), actor: 'user:bench', causes: [] };
  const events = config.map((resource, i) => ({ ...configApplied(resource), ...common, id: `bench-${i}` }));
  const rules = compilePolicies(snapshotOf({ config }).config).rules.map(({ id }) => id);
  const facts = {
    ...{ namespace: 'default', name: 'web-1', labels: { app: 'asked', version: 'v1' }, serviceAccount: '' },
    ...{ trustDomain: 'cluster.local', isGateway: false, services: {} },
  };
  return { events, call: encodeCheckCall({ facts, rules }) };
}

/** Signed by itself: server, client and root in one. */
function certificate(): ServerIdentity {
  const { certificate, privateKey } = testCertificate('mixer');
  return { certificateChain: certificate, privateKey, roots: [certificate] };
}

async function runClient(order: CheckLoadOrder): Promise<CheckLoadResult> {
  const client = spawn(process.execPath, [join(import.meta.dirname, 'check-load.child.ts'), JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  client.stdout.on('data', (part) => (output += String(part)));
  await once(client, 'close');
  return JSON.parse(output) as CheckLoadResult;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await saturationTable(saturation);
  process.exit(0);
}
