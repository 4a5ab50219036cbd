import { describe, expect, it } from 'vitest';
import { hidden, parseJetStreamUrl } from './jetstream-url.ts';

describe('parseJetStreamUrl', () => {
  it('takes a host alone, with the usual port and mesh', () => {
    expect(parseJetStreamUrl('nats://localhost')).toEqual({
      servers: ['localhost:4222'],
      mesh: 'periplus',
      tls: false,
      replicas: 1,
    });
  });

  it('takes a cluster, a mesh, credentials and options', () => {
    expect(
      parseJetStreamUrl('tls://anna:p%40ss@a:1,b/shop?ca=/ca.pem&replicas=3&monitoring=8222&inbox=_INBOX_pilot'),
    ).toEqual({
      servers: ['a:1', 'b:4222'],
      mesh: 'shop',
      tls: true,
      user: 'anna',
      password: 'p@ss',
      caFile: '/ca.pem',
      replicas: 3,
      inboxPrefix: '_INBOX_pilot',
      monitoring: 'http://a:8222',
    });
    expect(parseJetStreamUrl('nats://s3cret@h?creds=/c&nkey=/n')).toMatchObject({
      token: 's3cret',
      credentialsFile: '/c',
      nkeyFile: '/n',
    });
  });

  it.each(['nats://', 'http://x', 'nats://h/a.b', 'nats://h?replicas=2', 'nats://h?what=1'])(
    'refuses %s as wrong usage',
    (url) => {
      expect(() => parseJetStreamUrl(url)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );

  it('keeps secrets out of what people see', () => {
    expect(hidden('nats://anna:pw@h:1/m')).toBe('nats://h:1/m');
    expect(hidden('nats://h:1/m')).toBe('nats://h:1/m');
  });
});
