// Gives each wanted host its domains, first come, first served, and its bytes, which most hosts have from the last time.
import type { Service } from '../../../../events/model.ts';
import type { Route } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import type { ConsistentHashLB } from '../../../../mesh/config/schemas/destination-rule.ts';
import type { HTTPRetry } from '../../../../mesh/config/schemas/virtual-service.ts';
import type { Memo } from '../memo.ts';
import { subsetKey } from '../names.ts';
import { bracketed, serviceDomains, withPort } from './domains.ts';
import { consistentHashOf } from './hash-policy.ts';
import { destinationRule, type Lookups, servicesByHostname } from './lookups.ts';
import { isHttpOrSniffed } from './protocol.ts';
import {
  defaultRoute,
  type EncodedVirtualHost,
  encodeVirtualHost,
  forwardedHeaders,
  virtualHost,
} from './virtual-host.ts';

/** A virtual host together with what it is made of, so that it can be written again for other domains. */
export interface OutboundHost {
  readonly encoded: EncodedVirtualHost;
  /** Hostname that it was made for. */
  readonly hostname: string;
  readonly routes: readonly Route[];
}

/** A host to be written. */
export interface WantedHost {
  readonly hostname: string;
  readonly port: number;
  readonly service: Service | undefined;
  /** Undefined: the service's default route. */
  readonly routes: readonly Route[] | undefined;
}

/** How hosts are written on a port; one object for equal forms, so that memos can compare it. */
export interface HostForm {
  readonly dnsDomain: string;
  readonly listenPort: number;
  readonly isProxyless: boolean;
  /** For services without a VirtualService: the mesh's default. */
  readonly retries: HTTPRetry | undefined;
  readonly hasAttemptCount: boolean;
}

/** The form for a port of this proxy. */
export function hostForm(listenPort: number, { scope, memo }: Lookups): HostForm {
  const { dnsDomain, generator } = scope.context;
  const isProxyless = generator === 'grpc';
  const retries = scope.snapshot.mesh.defaultHttpRetryPolicy;
  const { hasAttemptCount } = forwardedHeaders(scope.snapshot.mesh);
  return memo.get('host-form', [memo, retries, dnsDomain, listenPort, isProxyless, hasAttemptCount], () => ({
    dnsDomain,
    listenPort,
    isProxyless,
    retries,
    hasAttemptCount,
  }));
}

/**
 * Writes hosts in order. Of equal names and domains the first keeps them; a name that was shortened gives way to a service
 * of that very name. Only hosts whose domains are contested at all are looked at one by one.
 */
export function writeHosts(
  wanted: readonly WantedHost[],
  on: { readonly form: HostForm; readonly services: readonly Service[] },
  lookups: Lookups,
): OutboundHost[] {
  const { memo } = lookups;
  const index = domainIndex(on.services, on.form, memo);
  const contested = contestedServices(wanted, index, on.form);
  const taken = new Set<string>();
  const seen = new Set<Service | string>();
  const out: OutboundHost[] = [];
  for (const host of wanted) {
    const { service, hostname, port } = host;
    const id = service && on.form.listenPort !== 0 ? service : `${hostname}:${port}`;
    if (seen.has(id)) continue;
    seen.add(id);
    if (service && !contested.has(service) && on.form.listenPort !== 0) {
      out.push(wholeHost(host, service, on.form, lookups));
      continue;
    }
    const domains = freeDomains(host, { taken, hostnames: index.hostnames, form: on.form, memo });
    if (domains.length > 0) out.push(partialHost(host, domains, on.form, lookups));
  }
  return out;
}

/** Whose each domain is, and which services share one. */
interface DomainIndex {
  readonly owners: ReadonlyMap<string, Service>;
  readonly contested: ReadonlySet<Service>;
  /** Hostnames of all services that have a virtual host. */
  readonly hostnames: ReadonlySet<string>;
}

function domainIndex(services: readonly Service[], form: HostForm, memo: Memo): DomainIndex {
  return memo.get('domain-index', [services, form], () => {
    const owners = new Map<string, Service>();
    const contested = new Set<Service>();
    const hostnames = new Set<string>();
    for (const service of servicesByHostname(services, memo).values()) {
      const { listenPort } = form;
      const isServed = service.ports.some(
        ({ port, protocol }) => (listenPort === 0 || port === listenPort) && isHttpOrSniffed(protocol),
      );
      if (!isServed) continue;
      hostnames.add(service.hostname);
      for (const domain of domainsOf(service, listenPort, form, memo).domains) {
        const owner = owners.get(domain);
        if (owner === undefined) owners.set(domain, service);
        else if (owner !== service) contested.add(owner).add(service);
      }
    }
    return { owners, contested, hostnames };
  });
}

function contestedServices(wanted: readonly WantedHost[], index: DomainIndex, form: HostForm): ReadonlySet<Service> {
  const contested = new Set(index.contested);
  for (const { service, hostname, port } of wanted) {
    if (service !== undefined) continue;
    for (const domain of withPort(bracketed(hostname), ignoresPort(form) ? 0 : port)) {
      const owner = index.owners.get(domain);
      if (owner) contested.add(owner);
    }
  }
  return contested;
}

/** Istio's sidecars ignore ports in Host; forward proxies and gRPC clients don't. */
function ignoresPort({ listenPort, isProxyless }: HostForm): boolean {
  return listenPort !== 0 && !isProxyless;
}

function domainsOf(service: Service, port: number, form: HostForm, memo: Memo) {
  const domainPort = ignoresPort(form) ? 0 : port;
  const compute = () => serviceDomains(service, { dnsDomain: form.dnsDomain, port: domainPort });
  // The form alone says it all where ports are ignored: a key of objects alone is found faster.
  return form.listenPort === port
    ? memo.get('service-domains', [form, service], compute)
    : memo.get('service-domains-at-port', [form, service, port], compute);
}

function freeDomains(
  { hostname, port, service }: WantedHost,
  on: {
    readonly taken: Set<string>;
    readonly hostnames: ReadonlySet<string>;
    readonly form: HostForm;
    readonly memo: Memo;
  },
): string[] {
  const { taken, hostnames, form, memo } = on;
  const all = service
    ? domainsOf(service, port, form, memo)
    : { domains: withPort(bracketed(hostname), ignoresPort(form) ? 0 : port), alternates: new Set<string>() };
  return all.domains.filter((domain) => {
    if (taken.has(domain) || (all.alternates.has(domain) && hostnames.has(domain))) return false;
    // Behind a forward proxy only port 80 is implied by a Host without a port.
    if (form.listenPort === 0 && port !== 80 && !domain.includes(':')) return false;
    taken.add(domain);
    return true;
  });
}

/** A service's host with all its domains. */
function wholeHost(host: WantedHost, service: Service, form: HostForm, lookups: Lookups): OutboundHost {
  const { memo } = lookups;
  const { routes } = host;
  const write = () => writeHost(host, domainsOf(service, host.port, form, memo).domains, form, lookups);
  if (routes !== undefined) return memo.get('host-of-routes', [form, service, routes], write);
  const hash = defaultHash(service, host.port, lookups);
  return memo.get('default-host', hash === undefined ? [form, service] : [form, service, hash], write);
}

function partialHost(host: WantedHost, domains: readonly string[], form: HostForm, lookups: Lookups): OutboundHost {
  const { service, routes, hostname, port } = host;
  const hash = service && !routes ? defaultHash(service, port, lookups) : undefined;
  const deps = [form, service, routes, hash, hostname, port, domains.join()];
  return lookups.memo.get('partial-host', deps, () => writeHost(host, domains, form, lookups));
}

function writeHost(
  { hostname, port, service, routes }: WantedHost,
  domains: readonly string[],
  form: HostForm,
  lookups: Lookups,
): OutboundHost {
  const written = routes ?? [
    defaultRoute({
      cluster: subsetKey('outbound', port, '', service?.externalName ?? hostname),
      operation: `${hostname}:${port}/*`,
      hash: service && defaultHash(service, port, lookups),
      isProxyless: form.isProxyless,
      retries: form.retries,
    }),
  ];
  const name = `${bracketed(hostname)}:${port}`;
  return {
    encoded: encodeVirtualHost(virtualHost({ name, domains, routes: written }, form)),
    hostname,
    routes: written,
  };
}

function defaultHash(service: Service, port: number, lookups: Lookups): ConsistentHashLB | undefined {
  return consistentHashOf(destinationRule(service, lookups), { port });
}
