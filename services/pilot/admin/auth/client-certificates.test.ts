import type { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { callerOfCertificate, clientRuleOf } from './client-certificates.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const spiffe = 'spiffe://cluster.local/ns/ops/sa/anna';
const certificate = (fields: Partial<X509Certificate>) =>
  ({ subject: '', subjectAltName: undefined, validTo: 'Jan  2 00:00:00 2026 GMT', ...fields }) as X509Certificate;
const rules = [`read=${spiffe}`, 'write=CN=anna,O=Example'].map(clientRuleOf);
const ask = (fields: Partial<X509Certificate>) => callerOfCertificate(certificate(fields), rules, nowMs);

describe('names in client certificates', () => {
  it('give the role of their rule', () => {
    expect(ask({ subjectAltName: `URI:${spiffe}` })).toEqual({ role: 'read', name: spiffe });
    expect(ask({ subjectAltName: `DNS:a.example, URI:${spiffe}` })).toMatchObject({ role: 'read' });
    const named = { role: 'write', name: 'certificate:CN=anna,O=Example' };
    expect(ask({ subject: 'CN=anna\nO=Example' })).toEqual(named);
    expect(ask({ subject: 'CN=anna\nO=Example', subjectAltName: `URI:${spiffe}` })).toEqual(named);
  });

  it.each<Partial<X509Certificate>>([
    { subject: 'CN=anna' },
    { subject: 'CN=anna\nO=Example\nOU=More' },
    { subject: 'CN=anna\\,O=Example' },
    { subject: `CN=${spiffe}` },
    { subjectAltName: `URI:${spiffe}2` },
    { subjectAltName: `DNS:${spiffe}` },
    { subjectAltName: `URI:${spiffe}, URI:spiffe://cluster.local/ns/a/sa/b` },
    { subjectAltName: `DNS:"x, URI:${spiffe}"` },
    { subjectAltName: `URI:${spiffe}`, validTo: 'Jan  1 00:00:00 2026 GMT' },
  ])('give none to %o', (fields) => {
    expect(ask(fields)).toBeTypeOf('string');
  });

  it.each(['', 'read', 'admin=CN=x', 'read=', 'read=*', 'write=spiffe://*/x', 'write=anna'])(
    'refuse the rule "%s"',
    (text) => {
      expect(() => clientRuleOf(text)).toThrow(/--admin-client/);
    },
  );
});
