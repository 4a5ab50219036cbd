import { create } from '@bufbuild/protobuf';
import { type Client, credentials, Metadata, makeClientConstructor, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { openMemoryLogs } from '../../../events/logs/memory.ts';
import {
  type StreamAccessLogsMessage,
  StreamAccessLogsMessageSchema,
} from '../../../gen/envoy/service/accesslog/v3/als_pb.js';
import { systemClock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { parseDocuments } from '../../../mesh/config/parse.ts';
import { checkCallKey, encodeCheckCall } from '../../../mesh/policy/check-call.ts';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { MixerServer } from '../grpc-server.ts';
import { FakeHandler } from '../handlers/handler-fixture.ts';
import { HandlerSet } from '../handlers/handler-set.ts';
import { MixerMetrics } from '../metrics.ts';
import { accessLogService } from './access-log-server.ts';
import { reportPart } from './report-part.ts';

const config = `
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: out, namespace: default }
spec: { compiledAdapter: stdio, params: {} }
---
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: p, namespace: default }
spec:
  rules:
    - { when: response.code >= 500, report: { handlers: [out], log: { variables: { path: request.path } } } }
    - { report: { handlers: [out], metric: { value: response.code } } }
`;
const facts = {
  ...{ namespace: 'default', name: 'web-1', labels: {}, serviceAccount: '', trustDomain: 'cluster.local' },
  ...{ isGateway: false, services: {} },
};
const ids = ['Policy/default/p[0]', 'Policy/default/p[1]'];
const message = (...requests: readonly { readonly path: string; readonly code?: number }[]) =>
  create(StreamAccessLogsMessageSchema, {
    logEntries: {
      case: 'httpLogs',
      value: {
        logEntry: requests.map(({ path, code }) => ({
          request: { path },
          response: code === undefined ? {} : { responseCode: code },
        })),
      },
    },
  });

describe('the report part', () => {
  const stops: (() => unknown)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  async function start() {
    const handler = new FakeHandler();
    const metrics = new MixerMetrics();
    const kind = { name: 'stdio', templates: ['logentry', 'metric'] as const, create: () => handler };
    const means = { clock: systemClock, logger: silentLogger, metrics };
    const handlers = new HandlerSet({ ...means, kinds: new Map([['stdio', kind]]) });
    const snapshots = new Latest<Snapshot>();
    const { facts: log } = openMemoryLogs();
    const part = reportPart({ ...means, snapshots, facts: log, name: 'mixer' }, handlers);
    const { objects } = parseDocuments(config);
    const snapshot = snapshotOf({ config: objects.flatMap((one) => (one.type === 'config' ? [one.resource] : [])) });
    handlers.use(compilePolicies(snapshot.config));
    part.use?.(snapshot);
    const server = new MixerServer({ host: '127.0.0.1', port: 0, services: part.grpc ?? [], clock: systemClock });
    const stop = new AbortController();
    const running = Promise.all([server.run(stop.signal), handlers.run(stop.signal)]);
    stops.push(async () => {
      stop.abort();
      await running;
    });
    await expect.poll(() => server.port.value, { timeout: 10_000 }).toBeDefined();
    const AccessLogClient = makeClientConstructor(accessLogService, 'AccessLogService');
    const client = new AccessLogClient(`127.0.0.1:${server.port.value}`, credentials.createInsecure());
    stops.push(() => client.close());
    return {
      handler,
      metrics,
      send: (metadata: Metadata, ...messages: StreamAccessLogsMessage[]) => send(client, metadata, messages),
    };
  }

  /** Resolves with the stream's status. */
  function send(client: Client, metadata: Metadata, messages: readonly StreamAccessLogsMessage[]): Promise<number> {
    const { path, requestSerialize, responseDeserialize } = accessLogService.StreamAccessLogs;
    return new Promise((resolve) => {
      const stream = client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
        (error: ServiceError | null) => resolve(error?.code ?? status.OK),
      );
      for (const one of messages) stream.write(one);
      stream.end();
    });
  }
  const told = (rules: readonly string[]) => {
    const metadata = new Metadata();
    metadata.set(checkCallKey, encodeCheckCall({ facts, rules }));
    return metadata;
  };

  it('gives handlers an instance for each rule that holds and each request, and counts what has no value', async () => {
    const { handler, metrics, send } = await start();
    const first = message({ path: '/ok', code: 200 }, { path: '/bad', code: 503 });
    expect(await send(told([...ids, ids[0] ?? '', 'gone']), first, message({ path: '/reset' }))).toBe(status.OK);
    await expect.poll(() => handler.reported.length, { timeout: 10_000 }).toBe(3);
    const [log, ...counted] = handler.reported;
    expect(log).toMatchObject({ template: 'logentry', name: ids[0], fields: { variables: { path: '/bad' } } });
    expect(counted.map(({ fields }) => fields.value)).toEqual([200, 503]);
    expect(counted.map(({ valueType }) => valueType)).toEqual(['INT64', 'INT64']);
    expect(metrics.text()).toContain('mixer_report_entries_total 3');
    expect(metrics.text()).toContain(`mixer_report_instances_omitted_total{rule="${ids[1]}"} 1`);
  });

  it('reports only the rules that the proxy names', async () => {
    const { handler, send } = await start();
    await send(told(ids.slice(1)), message({ path: '/bad', code: 500 }));
    await expect.poll(() => handler.reported.length, { timeout: 10_000 }).toBe(1);
    expect(handler.reported[0]?.name).toBe(ids[1]);
  });

  it('refuses a stream that does not say whose it is', async () => {
    const { handler, send } = await start();
    expect(await send(new Metadata(), message({ path: '/', code: 500 }))).toBe(status.INVALID_ARGUMENT);
    expect(handler.reported).toEqual([]);
  });
});
