// What telemetry costs: CPU of an Envoy per 1,000 requests a second with and without Istio's metrics. Run: `node bench/telemetry.ts`.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envoyEnvironment } from '../agent/envoy-environment.ts';
import { endpointAt, httpService, resourceOf, snapshotOf } from '../mesh/snapshot-fixture.ts';
import { translationToJson } from '../services/pilot/translate/json.ts';
import { createMemo } from '../services/pilot/translate/memo.ts';
import { proxyContextOfJson } from '../services/pilot/translate/node.ts';
import { translate } from '../services/pilot/translate/translate.ts';
import { startEnvoy } from '../test/support/envoy.ts';
import { freePorts } from '../test/support/free-port.ts';
import { startLoad } from '../test/support/load.ts';
import { staticBootstrap } from '../test/support/static-bootstrap.ts';
import { median } from './statistics.ts';

const perSecond = 1_000;
const seconds = 5;
const rounds = 5;
/** Linux counts CPU time in these (USER_HZ). */
const ticksPerSecond = 100;

const app = createServer((_, response) => response.end('ok'));
await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
const appPort = (app.address() as AddressInfo).port;

/** One Envoy is client and server of each request, so that both sides are counted. */
function bootstrapOf(options: { readonly isReporting: boolean; readonly port: number; readonly folder: string }) {
  const { isReporting, port, folder } = options;
  const service = httpService('echo', { ports: [{ name: 'http', port, protocol: 'HTTP' }] });
  const endpoint = endpointAt(service, '127.10.9.1', { ports: { http: port }, labels: { app: 'echo', version: 'v1' } });
  const own = { number: port, protocol: 'HTTP', name: 'http' };
  const sidecar = resourceOf('Sidecar', 'echo', {
    ingress: [{ port: own, bind: '127.10.9.1', captureMode: 'NONE', defaultEndpoint: `127.0.0.1:${appPort}` }],
    egress: [{ port: own, bind: '127.20.9.1', captureMode: 'NONE', hosts: ['./*'] }],
  });
  const telemetry = isReporting ? { PERIPLUS_TELEMETRY: 'STATS' } : {};
  const node = {
    id: 'sidecar~127.10.9.1~echo-1.default~default.svc.cluster.local',
    metadata: { NAMESPACE: 'default', INTERCEPTION_MODE: 'NONE', LABELS: { app: 'echo', version: 'v1' }, ...telemetry },
  };
  const read = proxyContextOfJson(node);
  if ('problem' in read) throw new Error(read.problem);
  const snapshot = snapshotOf({ services: [service], endpoints: [endpoint], config: [sidecar] });
  const admin = { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } };
  return { ...staticBootstrap(translationToJson(translate(snapshot, read.context, createMemo())), folder), admin };
}

function cpuSeconds(pid: number): number {
  // After the name, which may hold anything, in parentheses: utime and stime are the 14th and 15th fields.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

async function run(isReporting: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-telemetry-bench-'));
  const [port = 0] = await freePorts(1);
  const envoy = await startEnvoy(bootstrapOf({ isReporting, port, folder }));
  try {
    const url = `http://127.20.9.1:${port}/`;
    const headers = { host: `echo:${port}` };
    const load = () => startLoad({ url, headers, perSecond, tagOf: (body) => body });
    const warm = load();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await warm.stop();
    const before = cpuSeconds(envoy.pid);
    const measured = load();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    const { sent, failures } = await measured.stop();
    if (failures.length > 0) throw new Error(`${failures.length} requests failed: ${failures[0]}`);
    return ((cpuSeconds(envoy.pid) - before) / sent) * 1_000;
  } finally {
    await envoy.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

Object.assign(
  process.env,
  envoyEnvironment({
    addresses: ['127.10.9.1'],
    name: 'echo-1',
    namespace: 'default',
    labels: { app: 'echo', version: 'v1' },
  }),
);
const without: number[] = [];
const withMetrics: number[] = [];
for (let i = 0; i < rounds; i++) {
  without.push(await run(false));
  withMetrics.push(await run(true));
}
app.closeAllConnections();
app.close();
const shown = (value: number) => value.toFixed(3);
process.stdout.write(
  `| vCPU of Envoy per ${perSecond} rps, client and server side | without | with metrics | difference |\n|---|---|---|---|\n` +
    `| median of ${rounds} runs of ${seconds} s | ${shown(median(without))} | ${shown(median(withMetrics))} | ${shown(median(withMetrics) - median(without))} |\n`,
);
