import { create } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { CheckRequestSchema, type CheckResponse } from '../../../gen/envoy/service/auth/v3/external_auth_pb.js';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { defaultMeshConfig } from '../../../mesh/config/mesh-config.ts';
import { parseDocuments } from '../../../mesh/config/parse.ts';
import { checkCallKey, encodeCheckCall } from '../../../mesh/policy/check-call.ts';
import { compilePolicies } from '../../../mesh/policy/compile-policies.ts';
import { configApplied, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { createMixer } from '../mixer.ts';
import { authorizationService } from './authorization-server.ts';

const policies = `
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: p, namespace: default }
spec:
  rules:
    - { when: request.path == "/denied", deny: { status: 403, message: closed } }
    - { when: request.path == "/headers", headers: { request: { set: { x-a: '"1"' } }, response: { append: { x-b: request.path } } } }
    - { when: request.path == "/list", list: { value: request.method, entries: [GET] } }
`;
const facts = {
  ...{ namespace: 'default', name: 'web-1', labels: {}, serviceAccount: '', trustDomain: 'cluster.local' },
  ...{ isGateway: false, services: {} },
};

/** As a proxy asks, which is served past grpc-js; and compressed, which is left to grpc-js. */
const ways = { plain: {}, compressed: { 'grpc.default_compression_algorithm': 2 } } as const;

describe("Envoy's external authorization service", () => {
  const stop = new AbortController();
  let running: Promise<unknown>;
  const clients = new Map<string, Client>();
  let ids: readonly string[] = [];

  beforeAll(async () => {
    const { objects, problems } = parseDocuments(policies);
    expect(problems).toEqual([]);
    const config = objects.flatMap((one) => (one.type === 'config' ? [one.resource] : []));
    ids = compilePolicies(snapshotOf({ config }).config).rules.map(({ id }) => id);
    const log = new MemoryLog();
    const common = { source: '/test', time: new Date().toISOString(), actor: 'user:test', causes: [] };
    await log.append(config.map((one, i) => ({ event: { ...configApplied(one), ...common, id: `event-${i}` } })));
    const mixer = createMixer({
      ...{ config: { port: 0, address: '127.0.0.1' }, facts: log, host: '127.0.0.1', name: 'mixer' },
      ...{ clock: systemClock, logger: silentLogger, mesh: defaultMeshConfig },
    });
    running = Promise.all(mixer.services.map((service) => service.run(stop.signal)));
    for await (const _ of mixer.port.watch(stop.signal)) break;
    for (const [way, options] of Object.entries(ways))
      clients.set(way, new Client(`127.0.0.1:${mixer.port.value}`, credentials.createInsecure(), options));
  });
  afterAll(async () => {
    for (const client of clients.values()) client.close();
    stop.abort();
    await running;
  });

  function ask(way: string, path: string, told?: string): Promise<CheckResponse | ServiceError> {
    const { requestSerialize, responseDeserialize, path: method } = authorizationService.Check;
    const request = create(CheckRequestSchema, {
      attributes: { request: { http: { method: path === '/list' ? 'PUT' : 'GET', path } } },
    });
    const metadata = new Metadata();
    metadata.set(checkCallKey, told ?? encodeCheckCall({ facts, rules: ids }));
    return new Promise((resolve, reject) =>
      clients
        .get(way)
        ?.makeUnaryRequest(method, requestSerialize, responseDeserialize, request, metadata, (error, response) =>
          response ? resolve(response) : error ? resolve(error) : reject(new Error('no answer')),
        ),
    );
  }

  it.each(Object.keys(ways))('answers with the verdict of the rules: %s', async (way) => {
    expect(ids).toHaveLength(3);
    expect(await ask(way, '/passes')).toMatchObject({
      status: { code: 0 },
      httpResponse: { case: 'okResponse', value: { headers: [], responseHeadersToAdd: [] } },
    });
    expect(await ask(way, '/denied')).toMatchObject({
      status: { code: 7 },
      httpResponse: { case: 'deniedResponse', value: { status: { code: 403 }, body: 'closed' } },
      dynamicMetadata: { error_code: 7, error_message: 'closed' },
    });
    expect(await ask(way, '/list')).toMatchObject({ httpResponse: { case: 'deniedResponse' } });
    expect(await ask(way, '/headers')).toMatchObject({
      httpResponse: {
        case: 'okResponse',
        value: {
          headers: [{ header: { key: 'x-a', value: '1' } }],
          responseHeadersToAdd: [{ header: { key: 'x-b', value: '/headers' } }],
        },
      },
    });
  });

  it.each(Object.keys(ways))('refuses who does not say which rules: %s', async (way) => {
    expect(await ask(way, '/passes', 'junk')).toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});
