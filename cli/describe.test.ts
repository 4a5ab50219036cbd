// `periplus describe` against an admin API.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  configApplied,
  endpointAt,
  endpointRegistered,
  httpService,
  resourceOf,
  serviceRegistered,
} from '../mesh/snapshot-fixture.ts';
import { type AdminFixture, startAdmin } from '../services/pilot/admin/admin-fixture.ts';
import { runCli } from './cli-fixture.ts';

const reviews = httpService('reviews');
let admin: AdminFixture;
let server: string;
beforeEach(async () => {
  admin = await startAdmin();
  server = await admin.listen();
  await admin.appendFacts([
    serviceRegistered(reviews),
    endpointRegistered(endpointAt(reviews, '10.0.0.1', { workload: 'reviews-v1', labels: { version: 'v1' } })),
    configApplied(
      resourceOf('DestinationRule', 'reviews', {
        host: 'reviews',
        subsets: [{ name: 'v1', labels: { version: 'v1' } }],
      }),
    ),
    configApplied(resourceOf('EnvoyFilter', 'timeouts', { configPatches: [] })),
  ]);
});
afterEach(() => admin.stop());

describe('periplus describe', () => {
  it('describes a service as text and as JSON', async () => {
    const text = await runCli(['describe', 'service', 'reviews'], { server });
    expect(text).toMatchObject({ code: 0, err: '' });
    expect(text.out).toContain('Service reviews.default.svc.cluster.local (namespace default)');
    expect(text.out).toContain('subset v1 (version=v1): 1 of 1 endpoints healthy');
    expect(text.out).toContain('10.0.0.1 healthy (http 9080); reviews-v1; subsets v1; no proxy');
    const printed = await runCli(['describe', 'svc', 'reviews.default', '-o', 'json'], { server });
    expect(JSON.parse(printed.out)).toMatchObject([
      { kind: 'service', rule: { resource: 'DestinationRule/default/reviews' } },
    ]);
  });

  it('describes a workload with what it serves', async () => {
    const { code, out } = await runCli(['describe', 'workload', 'reviews-v1', '-n', 'default'], { server });
    expect(code).toBe(0);
    expect(out).toContain('Workload reviews-v1 (namespace default)');
    expect(out).toContain('EnvoyFilter/default/timeouts: for namespace default');
    expect(out).toContain('Service reviews.default.svc.cluster.local');
  });

  it('says what it does not know', async () => {
    expect(await runCli(['describe', 'service', 'nothing'], { server })).toMatchObject({
      code: 1,
      err: expect.stringContaining('no service "nothing"'),
    });
    expect(await runCli(['describe', 'teapot', 'x'], { server })).toMatchObject({ code: 2 });
  });
});
