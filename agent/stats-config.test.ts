// The tag of cluster names: the whole of Istio's names, which hold dots, and nothing of the statistic.
import { describe, expect, it } from 'vitest';
import { statsConfig } from './stats-config.ts';

interface Tag {
  readonly tag_name: string;
  readonly regex?: string;
}

/** What the rule takes as value, and what it leaves of the name. */
function extract(statistic: string, tag = 'envoy.cluster_name'): readonly [value: string | undefined, rest: string] {
  const tags = (statsConfig() as unknown as { readonly stats_tags: readonly Tag[] }).stats_tags;
  const regex = new RegExp(tags.find(({ tag_name }) => tag_name === tag)?.regex ?? 'none');
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

  it('takes a name that the mesh configuration words up to its semicolon', () => {
    const rest = 'upstream_rq_2xx';
    expect(extract(`cluster.web.shop.svc.cluster.local_80;.${rest}`)).toEqual([
      'web.shop.svc.cluster.local_80',
      `cluster.${rest}`,
    ]);
  });

  it.each([
    ['http.', 'inbound_127.10.0.3_9080', 'downstream_rq_total'],
    ['http.', 'admin', 'downstream_cx_active'],
    ['listener.127.0.0.1_8080.http.', 'outbound_127.0.0.1_8080', 'downstream_rq_2xx'],
  ])('takes the prefix of %s%s out of the name', (before, prefix, rest) => {
    expect(extract(`${before}${prefix}.${rest}`, 'envoy.http_conn_manager_prefix')).toEqual([
      prefix,
      `${before}${rest}`,
    ]);
  });

  it('keeps what readiness needs, whatever is asked for', () => {
    const text = JSON.stringify(statsConfig({ suffixes: ['upstream_rq_total'] }));
    for (const prefix of ['server', 'cluster_manager', 'listener_manager'])
      expect(text).toContain(`{"prefix":"${prefix}"}`);
    expect(text).toContain('{"suffix":"upstream_rq_total"}');
  });
});
