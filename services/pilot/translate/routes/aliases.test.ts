// ExternalName services as further names of other services.
import { describe, expect, it } from 'vitest';
import { httpService } from '../../../../mesh/snapshot-fixture.ts';
import { createMemo } from '../memo.ts';
import { withAliases } from './aliases.ts';
import { serviceDomains } from './domains.ts';

const alias = (name: string, to: string) => httpService(name, { externalName: `${to}.default.svc.cluster.local` });
const web = httpService('web');

describe('withAliases', () => {
  const aliasesOf = (...more: Parameters<typeof withAliases>[0]) =>
    withAliases([web, ...more], createMemo()).map(({ aliases }) => aliases?.map((name) => name.split('.')[0]));

  it('gives a service all names that lead to it', () => {
    expect(aliasesOf(alias('b', 'a'), alias('a', 'web'), alias('c', 'gone'))).toEqual([
      ['a', 'b'],
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('leaves out names that lead to themselves', () => {
    expect(aliasesOf(alias('a', 'b'), alias('b', 'a'))).toEqual([undefined, undefined, undefined]);
  });

  it('keeps what it was given where there are none, and services of equal aliases', () => {
    const memo = createMemo();
    const none = [web];
    expect(withAliases(none, memo)).toBe(none);
    const a = alias('a', 'web');
    const [first] = withAliases([web, a], memo);
    const [second] = withAliases([web, a, httpService('other')], memo);
    expect(second).toBe(first);
  });
});

it('the domains of an alias are shortened as any', () => {
  const service = { ...web, aliases: ['a.other.svc.cluster.local'] };
  const { domains } = serviceDomains(service, { dnsDomain: 'default.svc.cluster.local', port: 0 });
  expect(domains.slice(5)).toEqual([
    'a.other.svc.cluster.local',
    'a.other.svc.cluster.local.',
    'a.other',
    'a.other.svc',
  ]);
});
