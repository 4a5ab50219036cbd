// What policies cost a request: the same load on Envoys without any, with lowered rules, and with rules that Mixer is asked for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { NewEvent } from '../events/envelope.ts';
import { mixerHostname, mixerPortName, mixerService, systemNamespace } from '../mesh/policy/mixer-service.ts';
import { PolicyMesh, type Sidecar } from '../test/policy/policy-mesh.ts';
import { waitFor } from '../test/support/wait-for.ts';
import { type MixerProcess, startMixer } from './mixer-process.ts';
import { benchPolicy, benchRules, onlyInMixer } from './mixer-rules.ts';
import type { OpenLoopOrder, OpenLoopResult } from './open-loop.child.ts';
import { median } from './statistics.ts';

/** How long and how often. */
export interface MixerBenchOptions {
  readonly perSecond: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** Figures of one kind of sidecar; times in ms. */
interface Row {
  readonly name: string;
  readonly runs: OpenLoopResult[];
  /** CPU seconds of Mixer, and checks that it answered. */
  readonly mixerCpu: number[];
  readonly checks: number[];
}

/** Prints the tables. */
export async function mixerTables(options: MixerBenchOptions): Promise<void> {
  const mesh = new PolicyMesh();
  let mixer: MixerProcess | undefined;
  try {
    await mesh.start({ mixer: false });
    await mesh.apply(benchPolicy('lowered', benchRules('')));
    await mesh.apply(benchPolicy('asked', benchRules(onlyInMixer)));
    mixer = await startMixer(await factsOf(mesh));
    const kinds = await sidecarsOf(mesh, mixer);
    const rows: Row[] = [...kinds.keys()].map((name) => ({ name, runs: [], mixerCpu: [], checks: [] }));
    for (let round = 0; round < options.rounds; round++) {
      for (const row of rows) {
        const sidecar = kinds.get(row.name);
        if (sidecar !== undefined) await measure(row, sidecar, mixer, options);
      }
    }
    print(rows, options);
  } finally {
    mixer?.stop();
    await mesh.stop();
  }
}

async function measure(row: Row, sidecar: Sidecar, mixer: MixerProcess, options: MixerBenchOptions): Promise<void> {
  const order = {
    port: sidecar.port,
    ...options,
    head: 'GET /reviews/1?a=b HTTP/1.1\r\nhost: web\r\nx-user: alice\r\n\r\n',
  };
  await load({ ...order, seconds: 1 });
  const calls = () => sidecar.stat(/^cluster\.outbound\|9091\|\|mixer.*upstream_rq_total:/);
  const [before, cpuBefore] = [await calls(), await mixer.cpuSeconds()];
  row.runs.push(await load(order));
  row.checks.push((await calls()) - before);
  row.mixerCpu.push((await mixer.cpuSeconds()) - cpuBefore);
}

/** The client is a process of its own; a refused or lost request counts as failed. */
async function load(order: OpenLoopOrder): Promise<OpenLoopResult> {
  const client = spawn(process.execPath, [join(import.meta.dirname, 'open-loop.child.ts'), JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  client.stdout.on('data', (part) => (output += String(part)));
  await once(client, 'close');
  return JSON.parse(output) as OpenLoopResult;
}

async function factsOf(mesh: PolicyMesh): Promise<readonly NewEvent[]> {
  const events: NewEvent[] = [];
  for await (const { position: _, version: __, previousHash: ___, ...event } of mesh.facts.read({})) events.push(event);
  return events;
}

async function sidecarsOf(mesh: PolicyMesh, { port }: MixerProcess): Promise<ReadonlyMap<string, Sidecar>> {
  await register(mesh, port);
  const sidecars = new Map<string, Sidecar>();
  for (const name of ['none', 'lowered', 'asked'])
    sidecars.set(name, await mesh.sidecar(name, { app: name, version: 'v1' }));
  for (const [name, sidecar] of sidecars)
    await waitFor(async () => (await sidecar.send('/admin')).status === (name === 'none' ? 200 : 403), {
      what: () => `the rules of ${name}\n${sidecar.envoy.output()}`,
      limitMs: 60_000,
    });
  return sidecars;
}

/** As Mixer's registration does in the log that Pilot reads. */
async function register(mesh: PolicyMesh, port: number): Promise<void> {
  const common = { source: '/bench', time: new Date().toISOString(), actor: 'user:bench', causes: [] };
  const endpoint = {
    ...{ id: 'bench', hostname: mixerHostname, namespace: systemNamespace, platform: mixerService.platform },
    ...{ address: '127.0.0.1', ports: { [mixerPortName]: port }, labels: mixerService.labels, health: 'healthy' },
  };
  await mesh.facts.append([
    {
      event: {
        ...{ ...common, id: 'bench-mixer-service', subject: `registry/service/${mixerHostname}` },
        ...{ type: 'io.periplus.registry.service-registered', data: mixerService },
      },
    },
    {
      event: {
        ...{ ...common, id: 'bench-mixer-endpoint', subject: `registry/endpoint/${mixerHostname}/bench` },
        ...{ type: 'io.periplus.registry.endpoint-registered', data: endpoint },
      },
    },
  ]);
}

function print(rows: readonly Row[], { perSecond, seconds, rounds }: MixerBenchOptions): void {
  const shown = (value: number, digits = 3) => value.toFixed(digits);
  const of = ({ runs }: Row, field: keyof OpenLoopResult) => median(runs.map((run) => run[field]));
  const [none] = rows;
  console.log(
    `\n| ${perSecond} rps for ${seconds} s, medians of ${rounds} | p50 ms | p99 ms | more than without: p50 | p99 | calls to Mixer a request | checks a CPU second of Mixer | failed | client late p99 ms |`,
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const row of rows) {
    const [p50, p99] = [of(row, 'p50Ms'), of(row, 'p99Ms')];
    const calls = median(row.checks) / (perSecond * seconds);
    const rate = calls === 0 ? '' : median(row.checks.map((checks, i) => checks / (row.mixerCpu[i] ?? 1))).toFixed(0);
    const more = none === undefined ? ['', ''] : [shown(p50 - of(none, 'p50Ms')), shown(p99 - of(none, 'p99Ms'))];
    console.log(
      `| ${row.name} | ${shown(p50)} | ${shown(p99)} | ${more.join(' | ')} | ${shown(calls, 2)} | ${rate} | ${shown(of(row, 'failed'), 0)} | ${shown(of(row, 'lateP99Ms'))} |`,
    );
  }
}
