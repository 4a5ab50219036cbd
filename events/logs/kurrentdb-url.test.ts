import { describe, expect, it } from 'vitest';
import { parseKurrentDbUrl } from './kurrentdb-url.ts';

describe('parseKurrentDbUrl', () => {
  it('gives the client its connection string, asks for the leader, and names the mesh', () => {
    expect(parseKurrentDbUrl('kurrentdb://db:2113?tls=false', 'pilot 1')).toEqual({
      connectionString: 'kurrentdb://db:2113?tls=false&nodePreference=leader&connectionName=pilot%201',
      mesh: 'periplus',
    });
    expect(parseKurrentDbUrl('kurrentdb+discover://u:p%40@a:1,b:2/shop?nodePreference=follower', 'p')).toEqual({
      connectionString: 'kurrentdb+discover://u:p%40@a:1,b:2?nodepreference=follower&connectionName=p',
      mesh: 'shop',
    });
  });

  it.each([
    ['nats://db', 'no KurrentDB URL'],
    ['kurrentdb://', 'no KurrentDB URL'],
    ['kurrentdb://db/a-b', "can't be the mesh's name"],
    ['kurrentdb://db?throwOnAppendFailure=false', 'throwOnAppendFailure" is unknown'],
    ['kurrentdb://u:p@db?tls=false', 'no password without TLS'],
    ['kurrentdb://token@db', 'not USER:PASSWORD'],
  ])('refuses %s', (url, problem) => {
    expect(() => parseKurrentDbUrl(url)).toThrow(problem);
  });

  it('never repeats a password in what it says', () => {
    for (const url of ['kurrentdb://u:secret@db?x=1', 'kurrentdb://u:secret@db/a.b', 'kurrentdb:/u:secret@db'])
      expect(() => parseKurrentDbUrl(url)).toThrow(expect.not.objectContaining({ message: /secret/ }));
  });
});
