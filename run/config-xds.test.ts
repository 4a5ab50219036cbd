import { describe, expect, it } from 'vitest';
import { mixerIdentitySourceOf, type XdsFlags, xdsConfigOf } from './config-xds.ts';

const means = { host: '0.0.0.0', workingDirectory: '/', env: {} };
const nothing = { pilot: false, citadel: false, mixer: false };
const read = (flags: XdsFlags, has: Partial<typeof nothing> = { pilot: true }) =>
  xdsConfigOf(flags, { ...means, has: { ...nothing, ...has } });

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
    expect(() => read({ citadel: ['c:8060'] }, {})).toThrow('the role pilot or mixer');
    expect(() => read({ citadel: ['c:8060'], xdsMtlsPort: 1 }, { mixer: true })).toThrow('--xds-mtls-port needs');
    expect(read({}, { pilot: false, citadel: true }).mtls).toBeUndefined();
  });

  it('lets a Mixer on its own ask for a certificate, and no other', () => {
    const source = (flags: XdsFlags, has: Partial<typeof nothing>) =>
      mixerIdentitySourceOf(flags, { ...means, has: { ...nothing, ...has } });
    const flags = { citadel: ['c:8060'], trustDomain: 'mesh.example' };
    expect(read(flags, { mixer: true }).mtls).toBeUndefined();
    expect(source(flags, { mixer: true })).toMatchObject({
      trustDomain: 'mesh.example',
      source: { citadelAddresses: ['c:8060'] },
    });
    expect(source({}, { mixer: true })).toBeUndefined();
    expect(source(flags, { mixer: true, pilot: true })).toBeUndefined();
  });
});
