// Which DestinationRule applies, and how rules for one host are merged.
import { describe, expect, it } from 'vitest';
import type { ConfigResource } from '../../../events/model.ts';
import { httpService, resourceOf, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from './context-fixture.ts';
import { destinationRuleOf, effectivePolicy } from './destination-rules.ts';
import { createMemo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';

const service = httpService('web', { namespace: 'shop' });
const rule = (namespace: string, name: string, spec: object = {}, over: Partial<ConfigResource<object>> = {}) =>
  resourceOf('DestinationRule', name, { host: service.hostname, ...spec }, { namespace, ...over });
const applied = (config: ConfigResource[], over: Partial<ProxyContext> = {}) =>
  destinationRuleOf({ snapshot: snapshotOf({ config }), context: sidecarContext(over), service, memo: createMemo() });
const nameOf = (config: ConfigResource[], over: Partial<ProxyContext> = {}) => applied(config, over)?.resources[0].name;

describe('destinationRuleOf', () => {
  const [own, shop, root] = [rule('default', 'own'), rule('shop', 'shop'), rule('istio-system', 'root')];

  it("prefers the proxy's namespace, then the service's, then the root namespace", () => {
    expect(nameOf([root, shop, own])).toBe('own');
    expect(nameOf([root, shop])).toBe('shop');
    expect(nameOf([root])).toBe('root');
    expect(nameOf([rule('elsewhere', 'elsewhere')])).toBeUndefined();
  });

  it("gives the root namespace's own proxies the service's rule before the mesh-wide ones, but not before those kept to itself", () => {
    const gateway = { namespace: 'istio-system' };
    const wide = rule('istio-system', 'wide', { host: '*.local' });
    expect(nameOf([wide, shop], gateway)).toBe('shop');
    expect(nameOf([wide], gateway)).toBe('wide');
    expect(nameOf([rule('istio-system', 'own', { host: '*.local', exportTo: ['.'] }), shop], gateway)).toBe('own');
    expect(nameOf([rule('istio-system', 'nobody', { exportTo: ['~'] })], gateway)).toBeUndefined();
  });

  it('keeps to exportTo', () => {
    expect(nameOf([rule('shop', 'x', { exportTo: ['.'] })])).toBeUndefined();
    expect(nameOf([rule('shop', 'x', { exportTo: ['.'] })], { namespace: 'shop' })).toBe('x');
    expect(nameOf([rule('shop', 'x', { exportTo: ['default'] })])).toBe('x');
    expect(nameOf([rule('shop', 'x', { exportTo: ['other'] }), root])).toBe('root');
    expect(nameOf([rule('default', 'x', { exportTo: ['other'] })])).toBeUndefined();
  });

  it('prefers the exact host, then the longest wildcard', () => {
    const [all, suffix] = [
      rule('shop', 'all', { host: '*' }),
      rule('shop', 'suffix', { host: '*.shop.svc.cluster.local' }),
    ];
    expect(nameOf([all, suffix, shop])).toBe('shop');
    expect(nameOf([all, suffix])).toBe('suffix');
    expect(nameOf([all])).toBe('all');
    expect(nameOf([rule('shop', 'short', { host: 'web' })])).toBe('short');
  });

  it('prefers a rule that selects the workload, in its own namespace only', () => {
    const selecting = (namespace: string) =>
      rule(namespace, 'selecting', { workloadSelector: { matchLabels: { app: 'client' } } });
    expect(nameOf([own, selecting('default')], { labels: { app: 'client' } })).toBe('selecting');
    expect(nameOf([own, selecting('default')], { labels: { app: 'other' } })).toBe('own');
    expect(nameOf([selecting('shop')], { labels: { app: 'client' } })).toBeUndefined();
  });

  it('passes over rules that select workloads for what a workload receives', () => {
    const selecting = rule('default', 'selecting', { workloadSelector: { matchLabels: { app: 'client' } } });
    const context = sidecarContext({ labels: { app: 'client' } });
    const snapshot = snapshotOf({ config: [own, selecting] });
    const inbound = destinationRuleOf({ snapshot, context, service, memo: createMemo(), isInbound: true });
    expect(inbound?.resources[0].name).toBe('own');
  });

  it('merges rules for one host: subsets of all, the first of each name, the first traffic policy', () => {
    const [first, second, third] = [
      rule(
        'shop',
        'first',
        { subsets: [{ name: 'v1', labels: { version: 'first' } }] },
        { createdAt: '2026-01-01T00:00:00Z' },
      ),
      rule(
        'shop',
        'second',
        { trafficPolicy: { loadBalancer: { simple: 'RANDOM' } }, subsets: [{ name: 'v1' }, { name: 'v2' }] },
        { createdAt: '2026-01-02T00:00:00Z' },
      ),
      rule('shop', 'third', { trafficPolicy: {} }, { createdAt: '2026-01-03T00:00:00Z' }),
    ];
    const merged = applied([third, second, first]);
    expect(merged?.resources.map(({ name }) => name)).toEqual(['first', 'second', 'third']);
    expect(merged?.subsets.map(({ name }) => name)).toEqual(['v1', 'v2']);
    expect(merged?.subsets[0]?.labels).toEqual({ version: 'first' });
    expect(merged?.trafficPolicy).toEqual({ loadBalancer: { simple: 'RANDOM' } });
  });
});

describe('effectivePolicy', () => {
  const pool = { tcp: { maxConnections: 1 } };
  const policyAt = (port: number, spec: object) => {
    const merged = applied([rule('shop', 'levels', spec)]);
    return effectivePolicy(merged, merged?.subsets[0], port);
  };

  it("takes a port's settings for all that a level says", () => {
    const trafficPolicy = {
      connectionPool: pool,
      proxyProtocol: { version: 'V2' },
      retryBudget: { percent: 50 },
      portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: 'RANDOM' } }],
    };
    expect(policyAt(80, { trafficPolicy })).toEqual({ loadBalancer: { simple: 'RANDOM' } });
    expect(policyAt(81, { trafficPolicy })).toMatchObject({ connectionPool: pool, retryBudget: { percent: 50 } });
  });

  it("takes a subset's settings one by one, those of its port leaving only what they can't set", () => {
    const trafficPolicy = { connectionPool: pool, retryBudget: { percent: 50 } };
    const ofSubset = { portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: 'RANDOM' } }] };
    const spec = { trafficPolicy, subsets: [{ name: 'v1', trafficPolicy: ofSubset }] };
    expect(policyAt(80, spec)).toEqual({ loadBalancer: { simple: 'RANDOM' }, retryBudget: { percent: 50 } });
    expect(policyAt(81, spec)).toEqual(trafficPolicy);
  });
});
