// The tag of cluster names: the whole of Istio's names, which hold dots, and nothing of the statistic.
import { describe, expect, it } from 'vitest';
import { statsConfig } from './stats-config.ts';

interface Tag {
  readonly tag_name: string;
  readonly regex?: string;
}

/** What the rule takes as value, and what it leaves of the name. */
function extract(statistic: string): readonly [value: string | undefined, rest: string] {
  const tags = (statsConfig() as unknown as { readonly stats_tags: readonly Tag[] }).stats_tags;
  const regex = new RegExp(tags.find(({ tag_name }) => tag_name === 'envoy.cluster_name')?.regex ?? 'none');
  const match = regex.exec(statistic);
  return [match?.[2], statistic.replace(match?.[1] ?? '', '')];
}

describe('statsConfig', () => {
  it.each([
    ['outbound|9080|v1|reviews.default.svc.cluster.local', 'upstream_rq_2xx'],
    ['outbound|443||httpbin.org', 'external.upstream_rq_200'],
    ['outbound|80||version.zone.svc.cluster.local', 'circuit_breakers.default.cx_open'],
    ['inbound|9080||', 'membership_total'],
    ['xds-grpc', 'update_success'],
  ])('takes %s out of the name', (cluster, rest) => {
    expect(extract(`cluster.${cluster}.${rest}`)).toEqual([cluster, `cluster.${rest}`]);
  });

  it('keeps what readiness needs, whatever is asked for', () => {
    const text = JSON.stringify(statsConfig({ suffixes: ['upstream_rq_total'] }));
    for (const prefix of ['server', 'cluster_manager', 'listener_manager'])
      expect(text).toContain(`{"prefix":"${prefix}"}`);
    expect(text).toContain('{"suffix":"upstream_rq_total"}');
  });
});
