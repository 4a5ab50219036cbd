// Trust domains that are the same mesh: a principal written with one of them stands for all (MeshConfig.trustDomain, trustDomainAliases).
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';

/** Istio's name for "this mesh's trust domain, whatever it is called". */
const localTrustDomain = 'cluster.local';

/** The mesh's trust domain, then its aliases. */
export function trustDomainsOf({ trustDomain, trustDomainAliases = [] }: MeshConfig): readonly string[] {
  return [...new Set([trustDomain, ...trustDomainAliases])];
}

/** `TRUST DOMAIN/ns/NAMESPACE/sa/ACCOUNT` for each of the mesh's trust domains where it names one of them; else as written. */
export function expandPrincipal(principal: string, trustDomains: readonly string[]): readonly string[] {
  const [domain = '', ...rest] = principal.split('/');
  if (rest.length !== 4 || domain === '*') return [principal];
  const isOurs = domain === localTrustDomain || trustDomains.some((own) => endsLike(own, domain));
  if (!isOurs) return [principal];
  return [...new Set(trustDomains.map((own) => (endsLike(own, domain) ? principal : [own, ...rest].join('/'))))];
}

/** A trust domain and its aliases where it is one of them; else as written. */
export function expandTrustDomain(domain: string, trustDomains: readonly string[]): readonly string[] {
  return trustDomains.includes(domain) ? trustDomains : [domain];
}

function endsLike(domain: string, pattern: string): boolean {
  return pattern.startsWith('*') ? domain.endsWith(pattern.slice(1)) : domain === pattern;
}
