// Domains of services, as short as the proxy's own domain lets them be.
import { describe, expect, it } from 'vitest';
import { httpService } from '../../../../mesh/snapshot-fixture.ts';
import { serviceDomains } from './domains.ts';

const domainsOf = (service: Parameters<typeof httpService>[1] & { name?: string }, dnsDomain: string, port = 0) =>
  serviceDomains(httpService(service.name ?? 'web', service), { dnsDomain, port }).domains;

describe('serviceDomains', () => {
  it('shortens a service of the own namespace to its name', () => {
    expect(domainsOf({}, 'default.svc.cluster.local')).toEqual([
      'web.default.svc.cluster.local',
      'web.default.svc.cluster.local.',
      'web',
      'web.default.svc',
      'web.default',
    ]);
  });

  it('names an address that is listed twice once: Envoy refuses a domain that comes again', () => {
    const twice = domainsOf({ addresses: ['10.96.9.2', '10.96.9.2'] }, 'default.svc.cluster.local');
    expect(twice.filter((domain) => domain === '10.96.9.2')).toHaveLength(1);
  });

  it('keeps the namespace of a service elsewhere', () => {
    expect(domainsOf({}, 'other.svc.cluster.local')).toEqual([
      'web.default.svc.cluster.local',
      'web.default.svc.cluster.local.',
      'web.default',
      'web.default.svc',
    ]);
  });

  it('never shortens a host outside the cluster', () => {
    expect(domainsOf({ hostname: 'www.example.com' }, 'default.svc.cluster.local')).toEqual([
      'www.example.com',
      'www.example.com.',
    ]);
  });

  it('writes ports where they matter, and addresses; IPv6 in brackets, ranges not at all', () => {
    const addresses = ['10.0.0.1', 'fd00::1', '10.1.0.0/16'];
    expect(domainsOf({ hostname: 'www.example.com', addresses }, 'default.svc.cluster.local', 80)).toEqual([
      'www.example.com',
      'www.example.com:80',
      'www.example.com.',
      'www.example.com.:80',
      '10.0.0.1',
      '10.0.0.1:80',
      '[fd00::1]',
      '[fd00::1]:80',
    ]);
  });

  it('gives headless services a wildcard form of each domain', () => {
    expect(domainsOf({ headless: true }, 'default.svc.cluster.local')).toContain('*.web.default.svc.cluster.local');
  });

  it('outside Kubernetes shortens by what names share', () => {
    expect(domainsOf({ hostname: 'foo.local.campus.net' }, 'remote.campus.net')).toContain('foo.local');
    expect(domainsOf({ hostname: 'foo.local.campus.net' }, 'remote.campus.net')).not.toContain('foo');
    expect(domainsOf({ hostname: 'foo.local.campus.net' }, '')).toEqual([
      'foo.local.campus.net',
      'foo.local.campus.net.',
    ]);
  });
});
