import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Service } from '../../../events/model.ts';
import { endpointRegistered, serviceRegistered } from '../../../mesh/snapshot-fixture.ts';
import { type AdminFixture, startAdmin } from './admin-fixture.ts';

const reviews: Service = {
  hostname: 'reviews.default.svc.cluster.local',
  name: 'reviews',
  namespace: 'default',
  platform: 'files',
  addresses: [],
  ports: [{ name: 'http', port: 9080, protocol: 'HTTP' }],
  labels: {},
  resolution: 'STATIC',
  location: 'MESH_INTERNAL',
};
const endpoint = (id: string, health: 'healthy' | 'unhealthy') =>
  endpointRegistered({
    id,
    hostname: reviews.hostname,
    namespace: 'default',
    platform: 'files',
    address: `10.0.0.${id.slice(1)}`,
    ports: { http: 9080 },
    labels: { version: id },
    health,
  });
const route = (weight: number) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'default' },
  spec: {
    hosts: ['reviews'],
    http: [
      {
        route: [
          { destination: { host: 'reviews' }, weight },
          { destination: { host: 'reviews.other' }, weight: 100 - weight },
        ],
      },
    ],
  },
});

let admin: AdminFixture;
beforeEach(async () => {
  admin = await startAdmin();
});
afterEach(() => admin.stop());

async function get(url: string) {
  const response = await admin.app.inject({ url, headers: { host: '127.0.0.1:15015' } });
  return { status: response.statusCode, body: response.json() };
}
async function post(url: string, body: object | string, contentType = 'application/json') {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { host: 'localhost', 'content-type': contentType };
  const response = await admin.app.inject({ method: 'POST', url, headers, payload });
  return { status: response.statusCode, body: response.json() };
}

describe('apply', () => {
  it('creates, configures, and leaves unchanged, with the actor in the log', async () => {
    const created = await post('/api/v1/apply', { resources: [route(90)], actor: 'user:anna' });
    expect(created).toMatchObject({
      status: 200,
      body: { position: 1, results: [{ name: 'reviews', action: 'created' }] },
    });
    expect((await post('/api/v1/apply', { resources: [route(50)] })).body.results[0].action).toBe('configured');
    const again = await post('/api/v1/apply', { resources: [route(50)] });
    expect(again.body).toMatchObject({ position: 2, results: [{ action: 'unchanged' }] });
    const { body } = await get('/api/v1/history?subject=config/VirtualService/default/reviews');
    expect(body.items.map((event: { version: number; actor: string }) => [event.version, event.actor])).toEqual([
      [1, 'user:anna'],
      [2, 'user:unknown'],
    ]);
  });

  it('is all or nothing, with field paths', async () => {
    const broken = { ...route(90), metadata: { name: 'broken' }, spec: { hosts: ['x'], http: [{ rout: [] }] } };
    const answer = await post('/api/v1/apply', { resources: [route(90), broken] });
    expect(answer.status).toBe(400);
    expect(answer.body.code).toBe('invalid');
    expect(answer.body.problems[0].path).toBe('spec.http[0].rout');
    expect((await get('/api/v1/config')).body.items).toEqual([]);
  });

  it('appends nothing for a dry run', async () => {
    const answer = await post('/api/v1/apply', { resources: [route(90)], dryRun: true });
    expect(answer.body).toMatchObject({ dryRun: true, position: 0, results: [{ action: 'created' }] });
    expect((await admin.logs.facts.head()).position).toBe(0);
  });

  it('takes YAML as it is and places its errors', async () => {
    const good =
      'apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a}\nspec: {egress: [{hosts: ["./*"]}]}\n';
    expect((await post('/api/v1/apply', good, 'application/yaml')).body.results[0]).toMatchObject({
      kind: 'Sidecar',
      action: 'created',
    });
    const bad = await post('/api/v1/apply', good.replace('egress', 'egres'), 'application/yaml');
    expect(bad.status).toBe(400);
    expect(bad.body.problems[0]).toMatchObject({ path: 'spec.egres', line: 4 });
  });

  it('keeps two writers at one resource apart', async () => {
    const weights = [10, 20, 30, 40, 50];
    const answers = await Promise.all(weights.map((weight) => post('/api/v1/apply', { resources: [route(weight)] })));
    expect(answers.map((answer) => answer.status)).toEqual(weights.map(() => 200));
    expect((await admin.logs.facts.head()).position).toBe(weights.length);
  });

  it('refuses registry objects, unknown fields and what is no JSON', async () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: { ports: [{ port: 1 }] } };
    expect((await post('/api/v1/apply', { resources: [service] })).body.problems[0].message).toContain(
      'belongs to the registry',
    );
    expect((await post('/api/v1/apply', { resources: [route(1)], dryrun: true })).body.problems[0].message).toContain(
      'unknown field "dryrun"',
    );
    expect(await post('/api/v1/apply', '{')).toMatchObject({ status: 400, body: { code: 'invalid' } });
    expect((await post('/api/v1/apply', { resources: [] })).status).toBe(400);
  });

  it('refuses a body over 20 MiB', async () => {
    const answer = await post('/api/v1/apply', JSON.stringify({ resources: 'x'.repeat(21 * 1024 * 1024) }));
    expect(answer).toMatchObject({ status: 413, body: { code: 'exhausted' } });
  });
});

describe('delete', () => {
  const ref = { kind: 'VirtualService', namespace: 'default', name: 'reviews' };

  it('deletes, and is all or nothing for what does not exist', async () => {
    await post('/api/v1/apply', { resources: [route(90)] });
    const missing = await post('/api/v1/delete', { resources: [ref, { ...ref, name: 'other' }] });
    expect(missing).toMatchObject({ status: 404, body: { code: 'not-found' } });
    expect((await get('/api/v1/config?kind=VirtualService')).body.items).toHaveLength(1);
    const deleted = await post('/api/v1/delete', { resources: [ref, { ...ref, name: 'other' }], ignoreNotFound: true });
    expect(deleted.body.results).toEqual([{ ...ref, action: 'deleted' }]);
  });
});

describe('reading', () => {
  it('gives the registry now and at a moment', async () => {
    await admin.appendFacts([serviceRegistered(reviews), endpoint('v1', 'healthy')]);
    await admin.appendFacts([endpoint('v2', 'unhealthy')]);
    const { body } = await get('/api/v1/services');
    expect(body).toMatchObject({ position: 3, items: [{ name: 'reviews', endpointCount: 2, healthyCount: 1 }] });
    expect((await get('/api/v1/endpoints?name=reviews')).body.items).toHaveLength(2);
    expect((await get('/api/v1/endpoints?name=reviews&at=2')).body).toMatchObject({
      position: 2,
      items: [{ id: 'v1' }],
    });
    expect((await get('/api/v1/endpoints?name=reviews&at=2026-01-01T00:00:01Z')).body).toMatchObject({
      position: 1,
      items: [],
    });
    expect((await get('/api/v1/endpoints?name=review')).status).toBe(404);
  });

  it('says what is wrong with a moment, a kind and a path', async () => {
    expect((await get('/api/v1/services?at=soon')).body).toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('is not a moment'),
    });
    expect((await get('/api/v1/services?at=7')).body).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('ends at 0'),
    });
    expect((await get('/api/v1/config?kind=VirtualServic')).body.message).toContain('did you mean VirtualService?');
    expect(await get('/api/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not-found', problems: [] } });
  });

  it('filters events', async () => {
    await admin.appendFacts([serviceRegistered(reviews), endpoint('v1', 'healthy'), endpoint('v2', 'healthy')]);
    const types = 'registry.endpoint-registered';
    const { body } = await get(`/api/v1/events?type=${types}&limit=1&reverse=true`);
    expect(body.items.map((event: { position: number }) => event.position)).toEqual([3]);
    expect((await get('/api/v1/events?from=2&to=2')).body.items).toHaveLength(1);
    expect((await get('/api/v1/events?subject=registry/files/service')).body.items).toHaveLength(1);
  });

  it('sums a moment up', async () => {
    await admin.appendFacts([serviceRegistered(reviews), endpoint('v1', 'healthy'), endpoint('v2', 'unhealthy')]);
    await post('/api/v1/apply', { resources: [route(90)] });
    expect((await get('/api/v1/summary')).body).toMatchObject({
      position: 4,
      registry: { services: 1, endpoints: 2, healthyEndpoints: 1 },
      config: { VirtualService: 1 },
    });
    expect((await get('/api/v1/summary?at=1')).body).toMatchObject({
      position: 1,
      registry: { services: 1, endpoints: 0 },
      config: {},
    });
  });
});

describe('the process', () => {
  it('is healthy, ready, measured and documented', async () => {
    expect((await get('/healthz')).body).toEqual({ status: 'ok', version: '0.0.0-test' });
    expect(await get('/readyz')).toMatchObject({ status: 200, body: { ready: true } });
    const metrics = await admin.app.inject({ url: '/metrics', headers: { host: 'localhost' } });
    expect(metrics.body).toContain('periplus_log_head_position{log="facts"} 0\n');
    const { body } = await get('/openapi.json');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/api/v1/apply', '/api/v1/wait', '/api/v1/events', '/healthz']),
    );
  });

  it('refuses a web page that names another host', async () => {
    const response = await admin.app.inject({ url: '/api/v1/config', headers: { host: 'evil.example:15015' } });
    expect(response.statusCode).toBe(403);
  });
});
