// Which filters a workload's quotas become, with and without a Mixer.
import { describe, expect, it } from 'vitest';
import { parseDocuments } from '../../../../mesh/config/parse.ts';
import { mixerCluster, mixerService } from '../../../../mesh/policy/mixer-service.ts';
import { endpointAt, httpService, snapshotOf } from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { setToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { typeUrls } from '../translation.ts';

interface Filter {
  readonly name: string;
  readonly typedConfig: Readonly<Record<string, unknown>>;
}

/** The filters of the inbound listener that this namespace's policies make. */
function filtersOf(rules: string, { mixer = true } = {}): readonly Filter[] {
  const { objects, problems } = parseDocuments(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: p, namespace: default }
spec:
  rules:
${rules}`);
  expect(problems).toEqual([]);
  const service = httpService('web');
  const snapshot = snapshotOf({
    services: [service, ...(mixer ? [mixerService] : [])],
    endpoints: [endpointAt(service, '10.0.0.1')],
    config: objects.flatMap((one) => (one.type === 'config' ? [one.resource] : [])),
  });
  const listeners = setToJson(translate(snapshot, sidecarContext({}), createMemo()).resources(typeUrls.listener));
  let found: readonly Filter[] = [];
  JSON.stringify(listeners, (_, value) => {
    const { httpFilters } = (value ?? {}) as { readonly httpFilters?: readonly Filter[] };
    const own = (httpFilters ?? []).filter(({ name }) => /rate_?limit|no-mixer|ext_authz/.test(name));
    if (own.length > 0) found = own;
    return value as unknown;
  });
  return found;
}
const names = (filters: readonly Filter[]) => filters.map(({ name }) => name);

describe('quota filters', () => {
  it('ask the rate limit service, with what the rules name, and another Mixer where one is away', () => {
    const [filter, ...others] = filtersOf(`
    - quota: { limit: 1, window: 1s, by: { app: '"web"', user: 'request.headers["x-user"]' } }`);
    expect(others).toEqual([]);
    expect(filter?.typedConfig).toMatchObject({
      ...{ domain: 'periplus', failureModeDeny: true, statusOnError: { code: 'ServiceUnavailable' } },
      ...{ enableXRatelimitHeaders: 'DRAFT_VERSION_03', timeout: '0.200s' },
      rateLimitService: {
        grpcService: { envoyGrpc: { clusterName: mixerCluster, retryPolicy: { numRetries: 2 } } },
      },
      rateLimits: [
        {
          actions: [
            { genericKey: { descriptorKey: 'quota', descriptorValue: 'Policy/default/p[0]' } },
            { genericKey: { descriptorKey: 'app', descriptorValue: 'web' } },
            { extension: { typedConfig: { descriptorKey: 'user', skipIfError: true } } },
          ],
        },
      ],
    });
  });

  it('have no descriptor where the condition does not hold: the entry that names the quota fails', () => {
    const [filter] = filtersOf(`
    - { when: request.method == "GET", quota: { limit: 1, window: 1s, onFailure: ALLOW } }`);
    expect(filter?.typedConfig.failureModeDeny).toBeUndefined();
    const text = JSON.stringify(filter?.typedConfig.rateLimits);
    expect(text).toContain('"function":"_?_:_"');
    expect(text).toContain('"function":"_/_"');
    expect(text).not.toContain('skipIfError');
  });

  it('come after the filter that asks for checks, and lease or count in the proxy beside it', () => {
    const filters = filtersOf(`
    - { when: 'request.headers["cookie"] == "a"', deny: {} }
    - { quota: { limit: 5, window: 1500ms, mode: LEASED } }
    - { quota: { limit: 5, charge: 2, window: 2s, mode: PER_PROXY } }`);
    expect(names(filters)).toEqual([
      'envoy.filters.http.ext_authz',
      'envoy.filters.http.rate_limit_quota.Policy/default/p[1]',
      'envoy.filters.http.local_ratelimit.Policy/default/p[2]',
    ]);
    expect(filters[1]?.typedConfig).toMatchObject({
      domain: 'periplus/Policy/default/p[1]',
      bucketMatchers: {
        onNoMatch: {
          action: {
            typedConfig: {
              bucketIdBuilder: { bucketIdBuilder: { quota: { stringValue: 'Policy/default/p[1]' } } },
              noAssignmentBehavior: { fallbackRateLimit: { blanketRule: 'DENY_ALL' } },
              expiredAssignmentBehavior: { reuseLastAssignment: {} },
            },
          },
        },
      },
    });
    expect(filters[2]?.typedConfig).toMatchObject({
      tokenBucket: { maxTokens: 2, tokensPerFill: 2, fillInterval: '2s' },
    });
  });

  it('refuse all without any Mixer, or let pass as the quotas say', () => {
    const quota = (more: string) => `\n    - { quota: { limit: 1, window: 1s${more} } }`;
    const [closed] = filtersOf(quota(''), { mixer: false });
    expect(closed?.typedConfig).toHaveProperty('rules');
    for (const mode of ['', ', mode: LEASED'])
      expect(filtersOf(quota(`, onFailure: ALLOW${mode}`), { mixer: false })[0]?.typedConfig).not.toHaveProperty(
        'rules',
      );
    expect(names(filtersOf(quota(', mode: PER_PROXY'), { mixer: false }))[0]).toContain('local_ratelimit');
  });
});
