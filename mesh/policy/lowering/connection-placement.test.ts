// Rules on TCP connections: in Envoy, in Mixer, or nowhere where they are about requests.
import { describe, expect, it } from 'vitest';
import { parseDocuments } from '../../config/parse.ts';
import { snapshotOf } from '../../snapshot-fixture.ts';
import { compilePolicies } from '../compile-policies.ts';
import type { WorkloadFacts } from '../workload-facts.ts';
import { celText } from './cel.ts';
import { placeConnectionRules } from './connection-placement.ts';

const facts: WorkloadFacts = {
  ...{ namespace: 'default', name: 'db-1', labels: { app: 'db' } },
  ...{ serviceAccount: 'db', trustDomain: 'cluster.local', isGateway: false },
  services: { '3306': 'db.default.svc.cluster.local' },
};

function placed(rule: string) {
  const policy = `
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: p, namespace: default }
spec: { rules: [${rule}] }
`;
  const { objects, problems } = parseDocuments(policy);
  expect(problems).toEqual([]);
  const config = objects.flatMap((object) => (object.type === 'config' ? [object.resource] : []));
  const [placement] = placeConnectionRules(compilePolicies(snapshotOf({ config }).config), facts, 'istio-system');
  return placement;
}

describe('placeConnectionRules', () => {
  it.each([
    ['{ deny: {} }', 'true'],
    [`{ when: 'context.protocol == "tcp"', deny: {} }`, 'true'],
    ['{ when: "!connection.mtls", deny: {} }', '!connection.mtls'],
    [`{ when: 'destination.labels["app"] == "db" && connection.event == "open"', deny: {} }`, 'true'],
    [
      `{ when: 'source.principal == "cluster.local/ns/default/sa/web"', deny: {} }`,
      'connection.uri_san_peer_certificate',
    ],
    [`{ when: '(connection.received.bytes | 0) == 0', deny: {} }`, 'true'],
  ])('carries out %s in Envoy', (rule, condition) => {
    const placement = placed(rule);
    expect(placement?.place).toBe('rbac');
    expect(placement?.lowered && celText(placement.lowered.condition)).toContain(condition);
  });

  it('matches addresses by RBAC’s own means', () => {
    const placement = placed('{ list: { value: source.ip, type: IP_ADDRESSES, mode: ALLOW, entries: [10.0.0.0/8] } }');
    expect(placement).toMatchObject({
      place: 'rbac',
      lowered: { sourceIp: { cidrs: ['10.0.0.0/8'], inside: false } },
    });
  });

  it('asks Mixer for what Envoy does not know', () => {
    expect(placed(`{ when: 'source.labels["app"] == "web"', deny: {} }`)?.place).toBe('ext-authz');
  });

  it.each([
    [`{ when: 'context.protocol == "http"', deny: {} }`, '`when` does not hold'],
    [`{ when: 'api.operation == "x"', deny: {} }`, 'absent'],
    [`{ when: 'request.path == "/x"', deny: {} }`, 'connections have no request.path'],
    [
      '{ list: { value: "request.headers[\\"x-user\\"] | \\"\\"", mode: ALLOW, entries: [a] } }',
      'connections have no request.headers',
    ],
    ['{ headers: { request: { set: { x-a: "\\"x\\"" } } } }', 'connections have no headers'],
    ['{ quota: { limit: 1, window: 1s } }', 'quotas count requests'],
  ])('leaves out %s', (rule, why) => {
    const placement = placed(rule);
    expect(placement?.place).toBe('none');
    expect(placement?.why).toContain(why);
  });
});
