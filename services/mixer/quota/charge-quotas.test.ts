import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { attributesOf } from '../../../mesh/policy/attributes.ts';
import { expressionOf } from '../../../mesh/policy/compile-policy-rule.ts';
import type { HandlerRef, OnFailure, PolicyRule } from '../../../mesh/policy/rules.ts';
import { CheckEngine } from '../check/check-engine.ts';
import { FakeHandler } from '../handlers/handler-fixture.ts';
import { HandlerRunner, handlerMetrics } from '../handlers/handler-runner.ts';
import { MixerMetrics } from '../metrics.ts';

const resource = { kind: 'Policy', namespace: 'default', name: 'p' };
const handler: HandlerRef = { name: 'h.default', adapter: 'fake', params: {}, onFailure: 'deny' };
const rule = (id: string, action: PolicyRule['action']): PolicyRule => ({
  ...{ id, resource, selector: {}, when: expressionOf('request.path != "/free"', 'BOOL'), action },
});
const quota = rule('quota', {
  kind: 'quota',
  handler,
  instance: {
    name: 'q.default',
    template: 'quota',
    fields: { dimensions: { user: expressionOf('request.headers["x-user"]') } },
  },
  charges: [{ service: '*', match: [], amount: 3 }],
});
const check = rule('check', {
  kind: 'check',
  handler,
  instance: { name: 'c.default', template: 'checknothing', fields: {} },
});

function engineOf(rules: readonly PolicyRule[], onFailure: OnFailure = 'deny') {
  const back = new FakeHandler();
  back.checkResult = { status: { code: 0, message: '' }, validForMs: 60_000, validUses: 100 };
  const metrics = new MixerMetrics();
  const means = { clock: systemClock, logger: silentLogger };
  const runner = new HandlerRunner({ ...means, handler: back, name: 'h', onFailure, metrics: handlerMetrics(metrics) });
  const poisoned: string[] = [];
  const onPoisoned = ({ id }: PolicyRule) => void poisoned.push(id);
  const engine = new CheckEngine({ handlers: { runner: () => runner }, metrics, clock: systemClock, onPoisoned });
  engine.use({ rules, broken: [] });
  const ids = rules.map(({ id }) => id);
  const ask = async (path: string) =>
    await engine.check(ids, attributesOf({ 'request.path': path, 'request.headers': { 'x-user': 'a' } }));
  return { back, poisoned, ask };
}

describe('quotas in checks', () => {
  it('are charged at each request, also where the rest of the verdict is remembered, each with an id of its own', async () => {
    const { back, ask } = engineOf([quota, check]);
    for (let i = 0; i < 3; i++) expect((await ask('/')).denial).toBeUndefined();
    expect(back.checked).toHaveLength(1);
    expect(back.charged.map(({ request }) => request.amount)).toEqual([3, 3, 3]);
    expect(back.charged[0]?.instance.fields).toEqual({ dimensions: { user: 'a' } });
    expect(new Set(back.charged.map(({ request }) => request.deduplicationId)).size).toBe(3);
  });

  it('are not charged where the condition does not hold, or another rule refuses', async () => {
    const { back, ask } = engineOf([quota, check]);
    await ask('/free');
    back.checkResult = { status: { code: 7, message: 'no' }, validForMs: 0, validUses: 1 };
    expect((await ask('/refused')).by).toBe('check');
    expect(back.charged).toEqual([]);
  });

  it('a back end that fails refuses with 503, or lets pass where its handler says so', async () => {
    for (const [onFailure, status] of [
      ['deny', 503],
      ['allow', undefined],
    ] as const) {
      const { back, ask } = engineOf([quota], onFailure);
      back.mode = 'fail';
      expect((await ask('/')).denial?.httpStatus).toBe(status);
    }
  });

  it('a rule that throws refuses and is told', async () => {
    const broken = expressionOf('request.path', 'STRING');
    const evaluate = () => {
      throw new Error('poison');
    };
    const { poisoned, ask } = engineOf([{ ...quota, when: { ...broken, evaluate } }]);
    expect((await ask('/')).denial?.httpStatus).toBe(500);
    expect(poisoned).toEqual(['quota']);
  });
});
