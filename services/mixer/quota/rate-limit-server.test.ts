import { create } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
} from '../../../gen/envoy/service/ratelimit/v3/rls_pb.js';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { encodeCheckCall } from '../../../mesh/policy/check-call.ts';
import type { OnFailure, PolicyRule, QuotaAction } from '../../../mesh/policy/rules.ts';
import { MixerServer } from '../grpc-server.ts';
import type { Handler } from '../handlers/handler.ts';
import { FakeHandler } from '../handlers/handler-fixture.ts';
import { HandlerRunner, handlerMetrics } from '../handlers/handler-runner.ts';
import { memquota } from '../handlers/memquota.ts';
import { MixerMetrics } from '../metrics.ts';
import { QuotaRules } from './quota-rules.ts';
import { rateLimitServer, rateLimitService } from './rate-limit-server.ts';

const means = { name: 'q.default', clock: systemClock, logger: silentLogger };
const counting = () =>
  memquota.create(
    {
      quotas: [
        {
          ...{ name: 'requests.default', maxAmount: 2, validDuration: '3600s' },
          overrides: [{ dimensions: { user: 'alice' }, maxAmount: 3, validDuration: '3600s' }],
        },
      ],
    },
    means,
  );
const ruleOf = (charges: QuotaAction['charges']): PolicyRule => ({
  ...{ id: 'Policy/default/p[0]', resource: { kind: 'Policy', namespace: 'default', name: 'p' }, selector: {} },
  when: undefined,
  action: {
    ...{ kind: 'quota', charges, handler: { name: 'q.default', adapter: 'memquota', params: {}, onFailure: 'deny' } },
    instance: { name: 'requests.default', template: 'quota', fields: {} },
  },
});
const onAll: QuotaAction['charges'] = [{ service: '*', match: [], amount: 1 }];
const facts = {
  ...{ namespace: 'default', name: '', labels: {}, serviceAccount: '', trustDomain: '', isGateway: false },
  services: { '80': 'web.default.svc.cluster.local' },
};

describe('the rate limit service', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  async function start(options: { handler?: Handler; onFailure?: OnFailure; charges?: QuotaAction['charges'] } = {}) {
    const { handler = counting(), onFailure = 'deny', charges = onAll } = options;
    const metrics = new MixerMetrics();
    const runner = new HandlerRunner({
      ...means,
      ...{ handler, onFailure, metrics: handlerMetrics(metrics), limits: { deadlineMs: 10_000 } },
    });
    const rules = new QuotaRules();
    rules.use({ rules: [ruleOf(charges)] });
    const service = rateLimitServer({ rules, handlers: { runner: () => runner }, metrics });
    const server = new MixerServer({ host: '127.0.0.1', port: 0, services: [service], clock: systemClock });
    const stop = new AbortController();
    const running = server.run(stop.signal);
    await expect.poll(() => server.port.value, { timeout: 10_000 }).toBeDefined();
    const client = new Client(`127.0.0.1:${server.port.value}`, credentials.createInsecure());
    ends.push(async () => {
      client.close();
      stop.abort();
      await running;
    });
    const { path, requestSerialize, responseDeserialize } = rateLimitService.ShouldRateLimit;
    return (request: RateLimitRequest, given = new Metadata()) =>
      new Promise<RateLimitResponse>((resolve, reject) =>
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, given, (error, response) =>
          response === undefined ? reject(error ?? new Error('no answer')) : resolve(response),
        ),
      );
  }

  const request = (...descriptors: readonly Readonly<Record<string, string>>[]) =>
    create(RateLimitRequestSchema, {
      domain: 'any',
      descriptors: descriptors.map((one) => ({ entries: Object.entries(one).map(([key, value]) => ({ key, value })) })),
    });
  const quota = 'Policy/default/p[0]';

  it('counts each combination of dimensions, an override for its own, and says how it stands', async () => {
    const ask = await start();
    const codes = async (user: string, count: number) => {
      const all: Code[] = [];
      for (let i = 0; i < count; i++) all.push((await ask(request({ quota, user }))).overallCode);
      return all;
    };
    expect(await codes('bob', 3)).toEqual([Code.OK, Code.OK, Code.OVER_LIMIT]);
    expect(await codes('alice', 4)).toEqual([Code.OK, Code.OK, Code.OK, Code.OVER_LIMIT]);
    const refused = await ask(request({ quota, user: 'bob' }));
    expect(Buffer.from(refused.rawBody).toString()).toBe('Quota is exhausted for: requests.default');
    const [status] = refused.statuses;
    expect(status).toMatchObject({ limitRemaining: 0, currentLimit: { requestsPerUnit: 2, unit: 3 } });
    expect(Number(status?.durationUntilReset?.seconds)).toBeGreaterThan(3_500);
  });

  it('takes what a call says that it adds, all or nothing', async () => {
    const ask = await start();
    expect((await ask({ ...request({ quota }), hitsAddend: 3 })).overallCode).toBe(Code.OVER_LIMIT);
    expect((await ask({ ...request({ quota }), hitsAddend: 2 })).overallCode).toBe(Code.OK);
  });

  it('charges descriptors in order until one is refused; passes what names no quota', async () => {
    const ask = await start();
    const user = 'carol';
    expect((await ask(request({ quota }, { quota, user }))).overallCode).toBe(Code.OK);
    expect((await ask(request({ quota }, { quota, user }))).overallCode).toBe(Code.OK);
    const third = await ask(request({ quota }, { quota, user }));
    expect(third.statuses.map(({ code }) => code)).toEqual([Code.OVER_LIMIT, Code.UNKNOWN]);
    expect((await ask(request({ quota: 'none' }, {}))).overallCode).toBe(Code.OK);
    // By its instance too: the same counts.
    expect((await ask(request({ quota: 'requests.default' }))).overallCode).toBe(Code.OVER_LIMIT);
  });

  it('charges what the rule costs at the workload that asks', async () => {
    const ask = await start({ charges: [{ service: 'web.default.svc.cluster.local', match: [], amount: 2 }] });
    const metadata = new Metadata();
    metadata.set('x-periplus-check', encodeCheckCall({ facts, rules: [] }));
    expect((await ask(request({ quota }), metadata)).overallCode).toBe(Code.OK);
    expect((await ask(request({ quota }), metadata)).overallCode).toBe(Code.OVER_LIMIT);
  });

  it('a back end that fails: the call fails, or the request passes where the handler says so', async () => {
    const failing = () => Object.assign(new FakeHandler(), { mode: 'fail' as const });
    await expect((await start({ handler: failing() }))(request({ quota }))).rejects.toThrow(/back end does not answer/);
    const open = await start({ handler: failing(), onFailure: 'allow' });
    expect((await open(request({ quota }))).overallCode).toBe(Code.OK);
  });
});
