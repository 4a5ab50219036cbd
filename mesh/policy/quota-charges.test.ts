import { describe, expect, it } from 'vitest';
import { parseDocuments } from '../config/parse.ts';
import { snapshotOf } from '../snapshot-fixture.ts';
import { type AttributeValue, attributesOf } from './attributes.ts';
import { compilePolicies } from './compile-policies.ts';
import { placeRule } from './lowering/placement.ts';
import { amountOf, limitFor } from './quota-charges.ts';
import { referencedHeaders } from './referenced-headers.ts';

const files = (spec: string, bound: string, limitName = 'requests.quota.istio-system') => `
apiVersion: config.istio.io/v1alpha2
kind: memquota
metadata: { name: handler, namespace: istio-system }
spec: { quotas: [{ name: ${limitName}, max_amount: 5, valid_duration: 1s }] }
---
apiVersion: config.istio.io/v1alpha2
kind: quota
metadata: { name: requests, namespace: istio-system }
spec: { dimensions: { user: 'request.headers["x-user"] | "none"' } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: quota, namespace: istio-system }
spec: { actions: [{ handler: handler.memquota, instances: [requests.quota] }] }
---
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpec
metadata: { name: spec, namespace: istio-system }
spec: { rules: ${spec} }
---
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpecBinding
metadata: { name: binding, namespace: istio-system }
spec: { quotaSpecs: [{ name: spec }], services: ${bound} }
`;
const all = '[{ quotas: [{ quota: requests, charge: 2 }, { quota: other }] }]';

function compiled(yaml: string) {
  const { objects, problems } = parseDocuments(yaml);
  expect(problems).toEqual([]);
  const config = objects.flatMap((object) => (object.type === 'config' ? [object.resource] : []));
  return compilePolicies(snapshotOf({ config }).config);
}
function quotaOf(yaml: string) {
  const set = compiled(yaml);
  expect(set.broken).toEqual([]);
  const [rule] = set.rules;
  if (rule?.action.kind !== 'quota') throw new Error('no quota');
  const { charges } = rule.action;
  const facts = {
    ...{ namespace: 'default', name: '', labels: {}, serviceAccount: '', trustDomain: 'c', isGateway: false },
  };
  return {
    rule,
    amount: (attributes: Readonly<Record<string, AttributeValue>>) => amountOf(charges, attributesOf(attributes)),
    place: (host: string) => placeRule(rule, { ...facts, services: { '80': host } }).place,
  };
}
const host = (name: string) => ({ 'destination.service.host': name });
const web = 'web.default.svc.cluster.local';

describe('QuotaSpec and QuotaSpecBinding', () => {
  it('charge requests to the bound services alone, each name as Istio completes it', () => {
    const bound = `[{ name: web, namespace: default }, { name: own }, { service: api.example.com }]`;
    const { amount, place } = quotaOf(files(all, bound));
    for (const name of [web, 'own.istio-system.svc.cluster.local', 'api.example.com']) {
      expect(amount(host(name))).toBe(2);
      expect(place(name)).toBe('ext-authz');
    }
    expect(amount(host('other.default.svc.cluster.local'))).toBe(0);
    expect(amount({})).toBe(0);
    expect(place('other.default.svc.cluster.local')).toBe('none');
  });

  it('charge requests to all services of a namespace, by its pattern', () => {
    const { amount, place } = quotaOf(files(all, `[{ service: '*.default.*' }, { service: 'api.*' }]`));
    expect(amount(host(web))).toBe(2);
    expect(place(web)).toBe('ext-authz');
    for (const name of ['web.other.svc.cluster.local', 'api.example.com']) {
      expect(amount(host(name))).toBe(0);
      expect(place(name)).toBe('none');
    }
  });

  it('charge where all attributes of one clause match', () => {
    const clauses = `[{ clause: { request.path: { prefix: /a }, request.method: { exact: GET } } }, { clause: { request.useragent: { regex: bo+t } } }]`;
    const { amount, rule } = quotaOf(
      files(`[{ match: ${clauses}, quotas: [{ quota: requests }] }]`, `[{ service: '*' }]`),
    );
    expect(amount({ 'request.path': '/abc', 'request.method': 'GET' })).toBe(1);
    expect(amount({ 'request.path': '/abc', 'request.method': 'POST' })).toBe(0);
    expect(amount({ 'request.path': '/abc' })).toBe(0);
    expect(amount({ 'request.useragent': 'boot' })).toBe(1);
    expect(amount({ 'request.useragent': 'robot' })).toBe(0);
    expect(referencedHeaders([rule])).toEqual(['user-agent', 'x-user']);
  });

  it('charge nothing where no binding or no spec is for the instance', () => {
    expect(quotaOf(files(all, '[]')).place(web)).toBe('none');
    expect(quotaOf(files('[{ quotas: [{ quota: other }] }]', `[{ service: '*' }]`)).place(web)).toBe('none');
  });

  it('a memquota without a limit for the instance is named, and has no effect', () => {
    const set = compiled(files(all, `[{ service: '*' }]`, 'requests.quota.default'));
    expect(set.rules).toEqual([]);
    expect(set.broken.map(({ problem }) => problem)).toEqual([
      'handler handler.istio-system has no limit for the instance requests.istio-system',
    ]);
  });

  it('limits are found by each name that Mixer gave instances', () => {
    for (const name of ['a.b', 'a.quota.b', 'a.instance.b']) expect(limitFor([{ name }], 'a.b')?.name).toBe(name);
    expect(limitFor([{ name: 'a' }], 'a.b')).toBeUndefined();
  });
});
