// Auto-mTLS: golden clusters, and which endpoints say that they take it.
import { describe, expect, it } from 'vitest';
import { defaultMeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { endpointAt, httpService, resourceOf, snapshotOf } from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { goldenTests } from '../golden-fixture.ts';
import { setToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { typeUrls } from '../translation.ts';
import { serverIdentities } from './auto-mutual-tls.ts';

describe('clusters of a client with an identity', () =>
  goldenTests(`${import.meta.dirname}/testdata/clusters`, typeUrls.cluster));

const web = httpService('web');
const withTls = { 'security.istio.io/tlsMode': 'istio' };
const endpoints = [
  endpointAt(web, '10.0.0.2', { labels: withTls, serviceAccount: 'web' }),
  endpointAt(web, '10.0.0.3'),
];
const labelled = endpoints.slice(0, 1);

function assignment(config: ReturnType<typeof resourceOf>[]): string {
  const snapshot = snapshotOf({ services: [web], endpoints, config });
  return JSON.stringify(setToJson(translate(snapshot, sidecarContext(), createMemo()).resources(typeUrls.endpoints)));
}

describe('endpoints', () => {
  it('say so when their proxy has an identity', () => {
    expect(assignment([]).match(/tlsMode/g)).toHaveLength(1);
  });

  it('do not where a PeerAuthentication says DISABLE', () => {
    const disable = (over: object) => resourceOf('PeerAuthentication', 'default', { mtls: { mode: 'DISABLE' } }, over);
    expect(assignment([disable({})])).not.toContain('tlsMode');
    expect(assignment([disable({ namespace: 'other' })])).toContain('tlsMode');
  });

  it('have the identities of their service accounts, in every trust domain; any where one is not known', () => {
    const mesh = { ...defaultMeshConfig, trustDomainAliases: ['old.example'] };
    expect(serverIdentities(labelled, mesh)).toEqual([
      'spiffe://cluster.local/ns/default/sa/web',
      'spiffe://old.example/ns/default/sa/web',
    ]);
    expect(serverIdentities(endpoints, mesh)).toEqual([]);
  });

  it('that are banned are accepted under no name, and when all are nobody is', () => {
    const spiffeId = 'spiffe://cluster.local/ns/default/sa/web';
    const bans = new Map([[spiffeId, { spiffeId, reason: '', actor: '', time: '' }]]);
    const other = endpointAt(web, '10.0.0.4', { labels: withTls, serviceAccount: 'other' });
    const accepted = serverIdentities([...labelled, other], defaultMeshConfig, bans);
    expect(accepted).toEqual(['spiffe://cluster.local/ns/default/sa/other']);
    expect(serverIdentities(labelled, defaultMeshConfig, bans)).toEqual(['spiffe://nobody/']);
  });
});
