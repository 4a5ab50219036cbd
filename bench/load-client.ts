// The load client, a process of its own: N proxies' ADS streams, told by its parent when to connect and what to look for.
import { connect } from 'node:http2';
import { create } from '@bufbuild/protobuf';
import { NodeSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import { type LoadTotals, openLoadStream } from './load-stream.ts';

/** What the parent sends. */
export type LoadCommand =
  | { readonly do: 'connect'; readonly target: string; readonly proxies: number }
  | { readonly do: 'watch'; readonly marker: string }
  | { readonly do: 'stop' };
/** What the client answers: times are `process.hrtime` milliseconds, the same clock in every process of a machine. */
export type LoadReport =
  | {
      readonly did: 'connected';
      readonly startedMs: number;
      readonly fullMs: readonly number[];
      readonly bytes: number;
      readonly messages: number;
    }
  | { readonly did: 'watching' }
  | { readonly did: 'reached'; readonly atMs: readonly number[]; readonly bytes: number; readonly messages: number }
  | { readonly did: 'lost'; readonly proxy: number; readonly reason: string };

/** Envoy's default windows are far larger than HTTP/2's 64 KiB. */
const windowBytes = 256 * 1024 * 1024;
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const report = (message: LoadReport) => process.send?.(message);

let stopping = false;
let times: number[] = [];
const reached = new Set<number>();
let proxies = 0;
let startedMs = 0;
let baseline = { bytes: 0, messages: 0 };

const totals: LoadTotals = {
  messages: 0,
  bytes: 0,
  marker: undefined,
  references: new Map(),
  onFull: () => {
    times.push(nowMs());
    if (times.length === proxies)
      report({ did: 'connected', startedMs, fullMs: times, bytes: totals.bytes, messages: totals.messages });
  },
  onMarker: (stream) => {
    if (reached.has(stream)) return;
    reached.add(stream);
    times.push(nowMs());
    if (times.length < proxies) return;
    totals.marker = undefined;
    report({
      did: 'reached',
      atMs: times,
      bytes: totals.bytes - baseline.bytes,
      messages: totals.messages - baseline.messages,
    });
  },
  onEnd: (proxy, reason) => {
    if (!stopping) report({ did: 'lost', proxy, reason });
  },
};

function connectAll(target: string): void {
  startedMs = nowMs();
  for (let i = 0; i < proxies; i++) {
    const session = connect(`http://${target}`, { settings: { initialWindowSize: windowBytes } });
    session.on('error', (error) => totals.onEnd(i, error.message));
    session.on('connect', () => session.setLocalWindowSize(windowBytes));
    const node = create(NodeSchema, {
      id: `sidecar~10.200.${Math.floor(i / 250)}.${(i % 250) + 1}~load-${i}.default~default.svc.cluster.local`,
      cluster: 'load',
      metadata: { NAMESPACE: 'default', CLUSTER_ID: 'Kubernetes', LABELS: { app: 'load' } },
      userAgentName: 'envoy',
    });
    openLoadStream(session, i, node, totals);
  }
}

process.on('message', (command: LoadCommand) => {
  if (command.do === 'connect') {
    proxies = command.proxies;
    connectAll(command.target);
  } else if (command.do === 'watch') {
    times = [];
    reached.clear();
    baseline = { bytes: totals.bytes, messages: totals.messages };
    totals.marker = Buffer.from(command.marker);
    report({ did: 'watching' });
  } else {
    stopping = true;
    process.exit(0);
  }
});
