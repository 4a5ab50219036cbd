// Hosts whose endpoints are for their own cluster.
import { describe, expect, it } from 'vitest';
import { isClusterLocal } from './cluster-local.ts';

const settings = (clusterLocal: boolean, ...hosts: string[]) => ({ settings: { clusterLocal }, hosts });

describe('isClusterLocal', () => {
  it('is as the most specific setting says', () => {
    const serviceSettings = [
      settings(true, '*.shop.svc.cluster.local', 'twice.shop.svc.cluster.local'),
      settings(false, 'open.shop.svc.cluster.local', '*.local', 'twice.shop.svc.cluster.local'),
    ];
    expect(isClusterLocal('web.shop.svc.cluster.local', { serviceSettings })).toBe(true);
    expect(isClusterLocal('open.shop.svc.cluster.local', { serviceSettings })).toBe(false);
    expect(isClusterLocal('twice.shop.svc.cluster.local', { serviceSettings })).toBe(false);
    expect(isClusterLocal('web.other.svc.cluster.local', { serviceSettings })).toBe(false);
    expect(isClusterLocal('web.other.svc.cluster.local', {})).toBe(false);
  });
});
