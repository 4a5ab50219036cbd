import { describe, expect, it } from 'vitest';
import type { ConfigResource } from '../../events/model.ts';
import { parseDocuments } from '../config/parse.ts';
import { snapshotOf } from '../snapshot-fixture.ts';
import { compilePolicies } from './compile-policies.ts';
import { celText } from './lowering/cel.ts';
import { placeRules } from './lowering/placement.ts';
import type { WorkloadFacts } from './workload-facts.ts';

function resourcesOf(yaml: string): readonly ConfigResource[] {
  const { objects, problems } = parseDocuments(yaml);
  expect(problems).toEqual([]);
  return objects.flatMap((object) => (object.type === 'config' ? [object.resource] : []));
}
const setOf = (yaml: string) => compilePolicies(snapshotOf({ config: resourcesOf(yaml) }).config);
const facts: WorkloadFacts = {
  ...{ namespace: 'default', name: 'ratings-1', labels: { app: 'ratings', version: 'v1' } },
  ...{ serviceAccount: 'ratings', trustDomain: 'cluster.local', isGateway: false },
  services: { '9080': 'ratings.default.svc.cluster.local' },
};
const policyOf = (rule: string) => `
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: p, namespace: default }
spec: { rules: [${rule}] }
`;
const placed = (rule: string) => {
  const [placement] = placeRules(setOf(policyOf(rule)), facts, 'istio-system');
  return placement;
};

describe('compilePolicies', () => {
  it("carries out header operations as Mixer did, and gives a handler an instance once a rule's action", () => {
    const set = setOf(`
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: no, namespace: default }
spec: { compiledAdapter: denier }
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: known, namespace: default }
spec: { compiledAdapter: listchecker, params: { overrides: [v1] } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: version, namespace: default }
spec: { compiledTemplate: listentry, params: { value: 'source.labels["version"]' } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: one, namespace: default }
spec:
  match: ""
  actions:
    - { handler: no, instances: [version, version.instance.default] }
    - { handler: known, instances: [version] }
  requestHeaderOperations:
    - { name: X-A, values: ['""', '"a"', '"b"'] }
    - { name: X-B, values: ['request.headers["x-b"] | ""'], operation: APPEND }
`);
    expect(set.broken).toEqual([
      {
        id: 'rule/default/one',
        problem: 'the instance "version.instance.default" is given to handler no.default twice',
      },
    ]);
    expect(set.rules.map(({ when, action }) => [when, action])).toMatchObject([
      [undefined, { kind: 'deny', denial: { code: 9, httpStatus: 400 } }],
      [undefined, { kind: 'list', denial: { code: 7, httpStatus: 403 } }],
      [undefined, { kind: 'headers', request: [{ operation: 'SET' }, { operation: 'SET' }, { operation: 'SET' }, {}] }],
    ]);
    const [constant] = placeRules({ rules: set.rules.slice(2), broken: [] }, facts, 'istio-system');
    // The value of X-B depends on the request.
    expect(constant?.place).toBe('ext-authz');
  });

  it("reads Mixer's rules with older and newer references, and names what is missing", () => {
    const set = setOf(`
apiVersion: config.istio.io/v1alpha2
kind: denier
metadata: { name: no, namespace: istio-system }
spec: { status: { code: 7, message: stop } }
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: other, namespace: default, annotations: { policy.periplus.io/on-failure: allow, policy.periplus.io/deadline: 50ms } }
spec: { compiledAdapter: opa, params: { check_method: allow } }
---
apiVersion: config.istio.io/v1alpha2
kind: checknothing
metadata: { name: any, namespace: istio-system }
spec: {}
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: auth, namespace: default }
spec:
  compiledTemplate: authorization
  params: { subject: { user: source.principal | "" }, action: { path: request.path } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: one, namespace: default }
spec:
  match: request.path == "/x"
  actions:
    - handler: no.denier.istio-system
      instances: [any.checknothing.istio-system]
    - handler: other
      instances: [auth, gone]
    - handler: nobody
      instances: [auth]
`);
    expect(set.rules.map(({ id, action }) => [id, action.kind])).toEqual([
      ['rule/default/one[0]', 'deny'],
      ['rule/default/one[1]', 'check'],
    ]);
    expect(set.rules[0]?.action).toMatchObject({
      denial: { code: 7, httpStatus: 403, message: 'no.istio-system:stop' },
    });
    expect(set.rules[1]?.action).toMatchObject({
      handler: {
        name: 'other.default',
        adapter: 'opa',
        onFailure: 'allow',
        deadlineMs: 50,
        params: { checkMethod: 'allow' },
      },
    });
    expect(set.broken.map(({ problem }) => problem)).toEqual([
      'there is no instance "gone"',
      'there is no handler "nobody"',
    ]);
  });

  it('says which instances a handler does not take, and leaves the action out', () => {
    const { rules, broken } = setOf(`
apiVersion: config.istio.io/v1alpha2
kind: fluentd
metadata: { name: logs, namespace: default }
spec: {}
---
apiVersion: config.istio.io/v1alpha2
kind: metric
metadata: { name: count, namespace: default }
spec: { value: "1" }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: wrong, namespace: default }
spec: { actions: [{ handler: logs.fluentd, instances: [count.metric] }] }
`);
    expect(rules).toEqual([]);
    expect(broken).toEqual([
      {
        id: 'rule/default/wrong',
        problem: 'handler logs.default (fluentd) takes instances of logentry, and count.default is a metric',
      },
    ]);
  });

  it('gives the same objects while the configuration is the same', () => {
    const { config } = snapshotOf({ config: resourcesOf(policyOf('{ deny: {} }')) });
    expect(compilePolicies(config)).toBe(compilePolicies(config));
  });
});

describe('placement', () => {
  it.each<[string, string, string | undefined]>([
    ['{ deny: {} }', 'rbac', 'true'],
    ['{ when: request.path == "/x", deny: {} }', 'rbac', '(has(request.path) && (request.path == "/x"))'],
    [
      `{ when: 'destination.labels["app"] == "ratings" && request.method == "GET"', deny: {} }`,
      'rbac',
      '(has(request.method) && (request.method == "GET"))',
    ],
    [`{ when: 'destination.labels["app"] == "reviews"', deny: {} }`, 'none', undefined],
    [`{ when: 'destination.labels["none"] == "x"', deny: {} }`, 'none', undefined],
    ['{ when: context.reporter.kind == "outbound", deny: {} }', 'none', undefined],
    ['{ when: source.ip == ip("10.0.0.1"), deny: {} }', 'rbac', 'true'],
    [`{ when: 'source.labels["app"] == "x"', deny: {} }`, 'ext-authz', undefined],
    ['{ when: request.size > 10, deny: {} }', 'ext-authz', undefined],
    [`{ when: '"a{1,5}".matches(request.path)', deny: {} }`, 'ext-authz', undefined],
    [
      `{ list: { value: 'request.headers["k"]', entries: [a, b] } }`,
      'rbac',
      '!((has(request.headers.k) && (request.headers.k in ["a", "b"])) || (!has(request.headers.k) && false))',
    ],
    ['{ list: { value: source.ip, type: IP_ADDRESSES, entries: [10.0.0.0/8] } }', 'rbac', 'true'],
    ['{ list: { value: request.path, source: /etc/list } }', 'ext-authz', undefined],
    ['{ headers: { request: { set: { a: destination.name } } } }', 'header-mutation', undefined],
    ['{ headers: { request: { set: { a: request.path } } } }', 'ext-authz', undefined],
    ['{ quota: { limit: 1, window: 1s } }', 'rate-limit', undefined],
    [`{ when: '(request.auth.claims["role"] | "none") != "admin"', deny: {} }`, 'jwt-authn', undefined],
    [`{ when: '(request.auth.principal | "") == ""', deny: { status: 401 } }`, 'jwt-authn', undefined],
    ['{ when: request.auth.audiences == "a", deny: {} }', 'ext-authz', undefined],
    ['{ list: { value: request.api_key, entries: [k-1, k_2] } }', 'api-key-auth', undefined],
    [`{ list: { value: 'request.api_key | ""', entries: [k1] } }`, 'api-key-auth', undefined],
    [`{ list: { value: request.api_key, entries: ["k 1"] } }`, 'ext-authz', undefined],
    ['{ list: { value: request.api_key, mode: DENY, entries: [k1] } }', 'ext-authz', undefined],
    ['{ when: request.path == "/x", list: { value: request.api_key, entries: [k1] } }', 'ext-authz', undefined],
  ])('%s runs in %s', (rule, place, condition) => {
    const placement = placed(rule);
    expect(placement?.place, placement?.why).toBe(place);
    if (condition !== undefined && !rule.includes('list'))
      expect(placement?.lowered && celText(placement.lowered.condition)).toBe(condition);
  });

  it('gives a proxy one list of API keys; Mixer has the others', () => {
    const rules = ['k1', 'k2'].map((key) => `{ list: { value: request.api_key, entries: [${key}] } }`).join();
    const placements = placeRules(setOf(policyOf(rules)), facts, 'istio-system');
    expect(placements.map(({ place }) => place)).toEqual(['api-key-auth', 'ext-authz']);
    expect(placements[1]?.why).toContain('Policy/default/p[0]');
  });

  it('is for the workloads of its namespace, or of all where it is in the root namespace', () => {
    const ids = (namespace: string, root: string) =>
      placeRules(setOf(policyOf('{ deny: {} }')), { ...facts, namespace }, root).map(({ rule }) => rule.id);
    expect(ids('default', 'istio-system')).toEqual(['Policy/default/p[0]']);
    expect(ids('other', 'istio-system')).toEqual([]);
    expect(ids('other', 'default')).toEqual(['Policy/default/p[0]']);
  });
});
