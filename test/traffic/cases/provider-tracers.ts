// MeshConfig extensionProviders of SkyWalking and Datadog: their spans arrive where each of them looks for them.
import assert from 'node:assert/strict';
import type { TrafficCase } from '../case.ts';
import { type ReceivedBytes, startHttpReceiver, startStreamReceiver } from '../collectors.ts';
import { field, isTraced, overGrpc, overHttp, reporting } from './providers.ts';

/** The traced request's URL as `isTraced` asks for it: cut after eight characters of its path, where the provider can have that. */
const urlsIn = (received: readonly ReceivedBytes[], url: RegExp) => () =>
  received.flatMap(({ text }) => (url.test(text) ? ['/a-trace'] : []));

/** See the file's first line. */
export const providerTracerCases: readonly TrafficCase[] = [
  {
    name: 'skywalking: segments with the whole URL, as a stream over gRPC',
    proves: field('skywalking', 'service', 'port'),
    resources: (place) => reporting(place, 'tracing', { name: 'spans', skywalking: overGrpc(place) }),
    run: async (mesh) => {
      const receiver = await startStreamReceiver(mesh.ports.spare[5]);
      try {
        await isTraced(mesh, urlsIn(receiver.received, /\/a-traced-path/));
        assert.ok(receiver.received.every(({ path }) => path === '/skywalking.v3.TraceSegmentReportService/collect'));
      } finally {
        await receiver.stop();
      }
    },
  },
  {
    name: 'datadog: traces to its agent, their tags cut to maxTagLength',
    proves: field('datadog', 'service', 'port', 'maxTagLength'),
    resources: (place) =>
      reporting(place, 'tracing', { name: 'spans', datadog: { ...overHttp(place), maxTagLength: 8 } }),
    run: async (mesh) => {
      const receiver = await startHttpReceiver(mesh.ports.spare[5]);
      try {
        await isTraced(mesh, urlsIn(receiver.received, /\/a-trace(?!d)/));
        const paths = receiver.received.map(({ path }) => path);
        assert.ok(paths.includes('/v0.4/traces'), paths.join());
      } finally {
        await receiver.stop();
      }
    },
  },
];
