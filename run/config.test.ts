import { describe, expect, it } from 'vitest';
import { MeshError } from '../lib/mesh-error.ts';
import { logStoreName, processConfigOf, type ServeFlags } from './config.ts';

const configOf = (flags: ServeFlags) => processConfigOf(flags, { name: 'pilot-1', workingDirectory: '/w' });

describe('processConfigOf', () => {
  it('has the public defaults', () => {
    const config = configOf({});
    expect(config).toMatchObject({
      log: { kind: 'sqlite', directory: '/w/.periplus/log' },
      dataDirectory: '/w/.periplus',
      host: '127.0.0.1',
      xds: { host: '127.0.0.1', port: 15010, mtls: undefined },
      adminPort: 15015,
      name: 'pilot-1',
    });
    expect([...config.roles]).toEqual(['pilot', 'adapters']);
  });

  it('reads every flag', () => {
    const config = configOf({
      roles: 'pilot',
      log: 'memory:',
      config: 'mesh',
      data: '/d',
      xdsPort: 0,
      adminPort: 1,
      name: 'p',
      host: '0.0.0.0',
    });
    expect(config).toMatchObject({
      log: { kind: 'memory' },
      configDirectory: '/w/mesh',
      kubernetes: [],
      dataDirectory: '/d',
      host: '0.0.0.0',
      xds: { host: '0.0.0.0', port: 0, mtls: undefined },
      adminPort: 1,
      name: 'p',
    });
  });

  it('reads several clusters, the first one for configuration too', () => {
    const { kubernetes } = configOf({ kubeconfig: 'kube', kubeContext: ['east', 'arn:aws/west'] });
    expect(kubernetes).toMatchObject([
      { kubeconfig: '/w/kube', context: 'east', clusterId: 'east', readsConfig: true },
      { context: 'arn:aws/west', clusterId: 'arn:aws/west', readsConfig: false },
    ]);
    expect(kubernetes.map(({ writesStatus }) => writesStatus)).toEqual([true, false]);
    expect(configOf({ kubeconfig: 'kube', kubeRevision: 'canary' }).kubernetes).toMatchObject([{ revision: 'canary' }]);
    expect(configOf({ kubeconfig: 'kube', kubeReadOnly: true }).kubernetes).toMatchObject([{ writesStatus: false }]);
    expect(configOf({ kubeconfig: 'in-cluster' }).kubernetes).toMatchObject([{ kubeconfig: undefined }]);
  });

  it('has a Citadel only where one is wanted', () => {
    expect(configOf({}).citadel).toBeUndefined();
    const issuer = 'https://issuer';
    expect(
      configOf({ roles: 'pilot,citadel', tokenIssuer: [`nomad=${issuer},${issuer}/jwks`], caCerts: 'certs' }).citadel,
    ).toEqual({
      trustDomain: 'cluster.local',
      port: 8060,
      folder: '/w/.periplus/citadel',
      passphrase: undefined,
      pluggedIn: '/w/certs',
      attest: {
        tokenIssuers: [{ platform: 'nomad', issuer, jwksUrl: `${issuer}/jwks`, audience: 'periplus-citadel' }],
        tokenAudience: 'periplus-citadel',
        nomad: undefined,
        consul: undefined,
        authoritiesFile: undefined,
      },
      federation: [],
      web: { port: 8061, issuer: undefined, certificate: undefined },
    });
  });

  it('lets processes share a log in NATS, and shows its URL without the password', () => {
    const config = configOf({ roles: 'adapters', log: 'nats://anna:secret@h:4222/shop' });
    expect([...config.roles]).toEqual(['adapters']);
    expect(config.log).toEqual({ kind: 'jetstream', url: 'nats://anna:secret@h:4222/shop' });
    expect(logStoreName(config.log)).toBe('nats://h:4222/shop');
  });

  it.each<[string, ServeFlags, RegExp]>([
    ['a Citadel’s flag without it', { trustDomain: 'x' }, /--trust-domain: add the role citadel/],
    ['a malformed token issuer', { roles: 'pilot,citadel', tokenIssuer: ['nomad=x'] }, /--token-issuer/],
    ['an unknown role', { roles: 'pilots' }, /"pilots" is no role/],
    ['no role', { roles: ' , ' }, /--roles is empty/],
    ['a mirror as the log', { log: 'kafka://127.0.0.1' }, /--mirror kafka:/],
    ['a malformed KurrentDB URL', { log: 'kurrentdb://u:p@h?tls=false' }, /no password without TLS/],
    ['a malformed NATS URL', { log: 'nats://h?replicas=2' }, /1, 3 or 5 copies/],
    ['adapters alone on an embedded log', { roles: 'adapters' }, /--log nats:/],
    ['an unknown log', { log: 'sqlite:' }, /is no log store/],
    ['a context of no kubeconfig', { kubeContext: ['east'] }, /--kube-context needs --kubeconfig/],
    [
      'a kubeconfig that nobody reads',
      { kubeconfig: 'x', roles: 'mixer', log: 'nats://h:1' },
      /adapters, pilot and citadel/,
    ],
    ['a context given twice', { kubeconfig: 'x', kubeContext: ['a', 'b', 'a'] }, /given twice/],
    ['no engine of Docker', { docker: ['ftp://x'] }, /--docker "ftp:\/\/x" is no address/],
    ['no URL of Nomad', { nomad: 'ftp://x' }, /the address of Nomad is no URL/],
    ['flags about Nomad alone', { nomadRegion: ['eu'] }, /need --nomad URL/],
    ['flags about Docker alone', { dockerHostAddress: '10.0.0.1' }, /need --docker/],
  ])('refuses %s as wrong usage', (_, flags, message) => {
    expect(() => configOf(flags)).toThrow(message);
    try {
      configOf(flags);
    } catch (error) {
      expect(error).toBeInstanceOf(MeshError);
      expect((error as MeshError).code).toBe('usage');
    }
  });
});
