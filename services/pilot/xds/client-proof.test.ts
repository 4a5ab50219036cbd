import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeAuthority } from '../../../test/traffic/certificates.ts';
import { admissionProblem, type ClientProof, clientProofOf } from './client-proof.ts';

const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const proof: ClientProof = { kind: 'svid', id, notAfterMs: 0 };
const nodeId = (namespace: string) => `sidecar~10.0.0.1~web-0.${namespace}~${namespace}.svc.cluster.local`;
const problem = (node: { id?: string; namespace?: string; serviceAccount?: string }, trustDomain = 'cluster.local') => {
  const { namespace = 'shop', serviceAccount = 'web' } = node;
  return admissionProblem(
    proof,
    { id: node.id ?? nodeId('shop'), context: { namespace, serviceAccount } },
    trustDomain,
  );
};

describe('whether a certificate fits a node', () => {
  it('takes the namespace and service account of the certificate, and nodes that name no service account', () => {
    expect(problem({})).toBeUndefined();
    expect(problem({ serviceAccount: '' })).toBeUndefined();
  });

  it('refuses another namespace, in the metadata or in the id alone', () => {
    expect(problem({ namespace: 'default' })).toContain('the node says namespace "default"');
    expect(problem({ id: nodeId('default') })).toContain('the node says namespace "default"');
  });

  it('refuses another service account, and another trust domain', () => {
    expect(problem({ serviceAccount: 'admin' })).toContain('the node says service account "admin"');
    expect(problem({}, 'other.example')).toContain('of another trust domain');
  });

  it('asks nothing of plaintext, and takes nothing that TLS could not read', () => {
    const node = { id: nodeId('shop'), context: { namespace: 'shop', serviceAccount: '' } };
    expect(admissionProblem({ kind: 'none' }, node, 'cluster.local')).toBeUndefined();
    expect(admissionProblem({ kind: 'unusable', reason: 'broken' }, node, 'cluster.local')).toBe('broken');
  });
});

describe('what a connection proves', () => {
  it('is nothing in plaintext, and nobody without a certificate', () => {
    expect(clientProofOf({})).toEqual({ kind: 'none' });
    expect(clientProofOf({ transportSecurityType: 'ssl' })).toMatchObject({ kind: 'unusable' });
  });

  it('is the one URI of an SVID, until it ends', async () => {
    const authority = await makeAuthority('mesh');
    const proofOf = async (uris: string[]) => {
      const { certificate } = await authority.issue('workload', uris);
      const { raw, validTo } = new X509Certificate(certificate);
      const connection = { transportSecurityType: 'ssl', sslPeerCertificate: { raw } };
      return { shown: clientProofOf(connection), notAfterMs: Date.parse(validTo) };
    };
    const { shown, notAfterMs } = await proofOf(['spiffe://cluster.local/ns/shop/sa/web']);
    expect(shown).toEqual({ kind: 'svid', id, notAfterMs });
    const two = ['spiffe://cluster.local/ns/shop/sa/web', 'spiffe://cluster.local/ns/shop/sa/admin'];
    expect((await proofOf(two)).shown).toMatchObject({ kind: 'unusable' });
    expect((await proofOf(['https://web.example'])).shown).toMatchObject({ kind: 'unusable' });
  });
});
