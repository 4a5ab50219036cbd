import { describe, expect, it } from 'vitest';
import type { ConfigView } from '../../snapshot.ts';
import { resourceOf } from '../../snapshot-fixture.ts';
import { policyRule } from '../compile-policy-rule.ts';
import type { PolicyRule } from '../rules.ts';
import type { WorkloadFacts } from '../workload-facts.ts';
import { celText } from './cel.ts';
import { placeRules } from './placement.ts';

const facts: WorkloadFacts = {
  ...{
    namespace: 'default',
    name: 'web-1',
    labels: { app: 'web' },
    serviceAccount: 'web',
    trustDomain: 'cluster.local',
  },
  ...{ isGateway: false, services: { '80': 'web.default.svc.cluster.local' } },
};

const config = { list: () => [], get: () => undefined } as unknown as ConfigView;
const rulesOf = (...specs: readonly Parameters<typeof policyRule>[1][]): readonly PolicyRule[] =>
  specs.flatMap((spec, i) => policyRule(resourceOf('Policy', 'p', { rules: specs }), spec, i, config).rules);
const placed = (...specs: readonly Parameters<typeof policyRule>[1][]) =>
  placeRules({ rules: rulesOf(...specs), broken: [] }, facts, 'istio-system');
const places = (...specs: readonly Parameters<typeof policyRule>[1][]) => placed(...specs).map(({ place }) => place);

const strict = { limit: 10, window: '1s' };
const cookie = 'request.headers["cookie"] == "a"';

describe('placing quotas', () => {
  it('asks the rate limit service where quotas are all that Mixer is asked for', () => {
    const [one, two] = placed(
      {
        when: 'request.path.startsWith("/api")',
        quota: { ...strict, by: { user: 'request.headers["x-user"] | "nobody"' } },
      },
      { quota: { ...strict, by: { app: 'destination.labels["app"]', none: 'destination.labels["none"]' } } },
    );
    expect([one?.place, two?.place]).toEqual(['rate-limit', 'rate-limit']);
    expect(one?.quota?.condition && celText(one.quota.condition)).toBe(
      '(has(request.path) && request.path.startsWith("/api"))',
    );
    expect(one?.quota?.dimensions.map(({ name, value }) => [name, celText(value.present)])).toEqual([['user', 'true']]);
    // Known when it is configured: a constant, and one that is absent for every request.
    expect(two?.quota?.dimensions.map(({ name, value }) => [name, celText(value.value)])).toEqual([['app', '"web"']]);
  });

  it('leaves all to the one check that another rule, or what Envoy does not know, needs', () => {
    expect(places({ quota: strict }, { when: cookie, deny: {} })).toEqual(['ext-authz', 'ext-authz']);
    expect(places({ quota: strict }, { when: cookie, quota: strict })).toEqual(['ext-authz', 'ext-authz']);
    expect(places({ quota: { ...strict, by: { who: 'source.labels["app"] | "x"' } } })).toEqual(['ext-authz']);
    expect(places({ quota: strict }, { deny: {} })).toEqual(['rate-limit', 'rbac']);
  });

  it('says why', () => {
    const [quota] = placed({ quota: strict }, { when: cookie, deny: {} });
    expect(quota?.why).toBe('Mixer counts; Mixer is asked anyway, for Policy/default/p[1]');
    const [cookies] = placed({ when: cookie, quota: strict });
    expect(cookies?.why).toBe('Mixer counts; the header cookie is left to Mixer');
  });

  it('leases to the proxy, or lets it count, where the mode says so and it can', () => {
    expect(places({ quota: { ...strict, mode: 'LEASED' } }, { when: cookie, deny: {} })).toEqual([
      'rate-limit-quota',
      'ext-authz',
    ]);
    expect(places({ quota: { ...strict, mode: 'PER_PROXY' } })).toEqual(['local-rate-limit']);
    expect(placed({ quota: { ...strict, charge: 2, mode: 'PER_PROXY' } })[0]?.quota).toMatchObject({
      ...{ amount: 2, perProxy: { maxAmount: 10, windowMs: 1_000 } },
    });
    expect(places({ quota: { ...strict, charge: 11, mode: 'PER_PROXY' } })).toEqual(['ext-authz']);
    expect(places({ when: cookie, quota: { ...strict, mode: 'PER_PROXY' } })).toEqual(['ext-authz']);
    const [byClients] = placed({ quota: { ...strict, mode: 'LEASED', by: { user: 'request.headers["x-user"]' } } });
    expect(byClients?.place).toBe('rate-limit');
  });
});
