// Names of clusters' statistics.
import { describe, expect, it } from 'vitest';
import { httpService } from '../../../../mesh/snapshot-fixture.ts';
import { statName } from './stat-name.ts';

const web = httpService('web', { namespace: 'shop', platform: 'kubernetes' });
const parts = { service: web, port: { name: 'http', port: 80 }, subset: 'v1', targetPort: 8080 };

describe('statName', () => {
  it('puts in what the variables stand for', () => {
    expect(statName('%SERVICE%_%SERVICE_PORT%', parts)).toBe('web.shop_80;');
    expect(statName('%SERVICE_NAME%|%SUBSET_NAME%|%SERVICE_PORT_NAME%', parts)).toBe('web|v1|http;');
    expect(statName('%SERVICE_FQDN%_%TARGET_PORT%', parts)).toBe('web.shop.svc.cluster.local_8080;');
  });

  it('keeps what is no variable, and hostnames of other platforms', () => {
    const service = { ...web, hostname: 'web.service.consul', platform: 'consul' };
    expect(statName('%SERVICE%-%SERVICE_NAME%-%OTHER%', { ...parts, service })).toBe(
      'web.service.consul-web.service.consul-%OTHER%;',
    );
  });
});
