import { describe, expect, it } from 'vitest';
import type { ConnectedIdentity } from '../../../mesh/connected-identities.ts';
import { connectedHolders } from './connected-holders.ts';
import type { ValidCertificate } from './valid-certificates.ts';

const id = (name: string) => `spiffe://cluster.local/ns/shop/sa/${name}`;
const proxy = (name: string, bundlePosition?: number): ConnectedIdentity => ({
  proxy: `${name}-0.shop`,
  spiffeId: id(name),
  bundlePosition,
});
const certificate = (name: string, bundle: string, replaced = false) =>
  ({ spiffeId: id(name), peer: 'p', serial: 's', bundle, replaced }) as ValidCertificate;
const holders = (connected: ConnectedIdentity[], valid: ValidCertificate[]) =>
  connectedHolders(connected)({ valid, bundle: { hash: 'new', position: 10 } }).map(({ bundle }) => bundle);

describe('who holds the newest bundle', () => {
  it('is who acknowledged it or a later one, whatever came with the certificate', () => {
    expect(holders([proxy('a', 10), proxy('b', 12)], [certificate('a', 'old')])).toEqual(['new', 'new']);
  });

  it('is not who acknowledged an older one', () => {
    expect(holders([proxy('a', 9)], [certificate('a', 'new')])).toEqual([undefined]);
  });

  it('is, where the agent does not say, whose certificates in use all came with it', () => {
    expect(holders([proxy('a')], [certificate('a', 'old', true), certificate('a', 'new')])).toEqual(['new']);
    expect(holders([proxy('a')], [certificate('a', 'old'), certificate('a', 'new')])).toEqual([undefined]);
    expect(holders([proxy('a')], [])).toEqual([undefined]);
  });

  it('counts certificates of identities that are not connected', () => {
    expect(holders([proxy('a', 10)], [certificate('away', 'old')])).toEqual(['new', 'old']);
  });
});
