// The Host headers by which a service is known to a proxy: its name, short forms of it, and its addresses.
import type { NamedService } from './aliases.ts';

/** How domains are written for a route configuration. */
export interface DomainForm {
  /** The proxy's own DNS domain, `default.svc.cluster.local`: names are shortened by what is shared with it. */
  readonly dnsDomain: string;
  /** Added to each domain as a second form; 0 where the route configuration ignores ports in Host. */
  readonly port: number;
}

/** A service's domains; `alternates` are those that were derived by shortening, which give way to a service of that very name. */
export interface ServiceDomains {
  readonly domains: readonly string[];
  readonly alternates: ReadonlySet<string>;
}

/** Domains in Istio's order: of each name the hostname, the absolute form, short forms; wildcard forms of headless services, addresses. */
export function serviceDomains(service: NamedService, form: DomainForm): ServiceDomains {
  const domains: string[] = [];
  const alternates: string[] = [];
  for (const hostname of [service.hostname.toLowerCase(), ...(service.aliases ?? [])]) {
    const short = alternateHosts(hostname, form);
    domains.push(...withPort(hostname, form.port), ...short);
    alternates.push(...short);
  }
  if (service.headless) domains.push(...domains.map((domain) => `*.${domain}`));
  for (const address of service.addresses) {
    if (address !== '0.0.0.0' && !address.includes('/')) domains.push(...withPort(bracketed(address), form.port));
  }
  // An address may be listed twice; Envoy refuses the whole route configuration for a domain that is.
  return { domains: [...new Set(domains)], alternates: new Set(alternates) };
}

/** A domain, and the domain with its port where ports matter. */
export function withPort(domain: string, port: number): string[] {
  return port === 0 ? [domain] : [domain, `${domain}:${port}`];
}

/** IPv6 addresses are bracketed in Host. */
export function bracketed(address: string): string {
  return address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
}

function alternateHosts(hostname: string, { dnsDomain, port }: DomainForm): string[] {
  const absolute = isAddress(hostname) ? [] : withPort(`${hostname}.`, port);
  return [...absolute, ...shortNames(hostname, dnsDomain).flatMap((name) => withPort(name, port))];
}

function shortNames(hostname: string, dnsDomain: string): string[] {
  const svc = dnsDomain.indexOf('.svc.');
  if (svc < 0) return sharedDomainNames(hostname, dnsDomain);
  // Only names of the same cluster may be shortened: others could collide with short names of the cluster's services.
  if (!hostname.endsWith(dnsDomain.slice(svc))) return [];
  const nameAndNamespace = hostname.slice(0, hostname.indexOf('.svc.'));
  const dot = nameAndNamespace.indexOf('.');
  if (dot < 0) return [];
  const isOwnNamespace = nameAndNamespace.slice(dot + 1) === dnsDomain.slice(0, svc);
  return isOwnNamespace
    ? [nameAndNamespace.slice(0, dot), `${nameAndNamespace}.svc`, nameAndNamespace]
    : [nameAndNamespace, `${nameAndNamespace}.svc`];
}

/** Outside Kubernetes: what remains of the hostname without the labels that it shares with the proxy's domain. */
function sharedDomainNames(hostname: string, dnsDomain: string): string[] {
  const own = dnsDomain.split('.').reverse();
  const labels = hostname.split('.').reverse();
  let shared = 0;
  while (shared < own.length && shared < labels.length && own[shared] === labels[shared]) shared++;
  if (shared === 0 || dnsDomain === '') return [];
  const unique = labels.slice(shared).reverse();
  const name = unique.join('.');
  return unique.length === 2 ? [name, `${name}.${labels[shared - 1]}`] : [name];
}

function isAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}
