import { describe, expect, it } from 'vitest';
import { type XdsFlags, xdsConfigOf } from './config-xds.ts';

const read = (flags: XdsFlags, has = { pilot: true, citadel: false }) =>
  xdsConfigOf(flags, { host: '0.0.0.0', workingDirectory: '/', env: {}, has });

describe('where xDS is served', () => {
  it('is in plaintext on every address without a Citadel', () => {
    expect(read({})).toEqual({ host: '0.0.0.0', port: 15010, mtls: undefined });
  });

  it('is over mutual TLS with one, and in plaintext on this machine alone', () => {
    const config = read({}, { pilot: true, citadel: true });
    expect(config).toMatchObject({ host: '127.0.0.1', port: 15010, mtls: { host: '0.0.0.0', port: 15012 } });
    expect(read({ xdsHost: '10.0.0.1' }, { pilot: true, citadel: true }).host).toBe('10.0.0.1');
  });

  it('takes its certificate from a Citadel elsewhere', () => {
    const { mtls } = read({ citadel: ['c:8060'], trustDomain: 'mesh.example' });
    expect(mtls).toMatchObject({ trustDomain: 'mesh.example', source: { citadelAddresses: ['c:8060'] } });
  });

  it('refuses what can not be', () => {
    expect(() => read({ xdsMtlsPort: 1 })).toThrow('--xds-mtls-port needs the role citadel');
    expect(() => read({ citadel: ['c:8060'] }, { pilot: true, citadel: true })).toThrow('without the role citadel');
    expect(read({}, { pilot: false, citadel: true }).mtls).toBeUndefined();
  });
});
