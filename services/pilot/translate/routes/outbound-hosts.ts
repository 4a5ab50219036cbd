// The virtual hosts that a sidecar knows on one outbound port: services' own and those that VirtualServices make.
import type { Service, ServicePort } from '../../../../events/model.ts';
import type { Memo } from '../memo.ts';
import { compareNames, isHostWithin } from '../names.ts';
import type { EgressScope } from '../proxy-scope.ts';
import { isAlias, withAliases } from './aliases.ts';
import { compareSpecificity, hostsOverlap, isWildcard } from './hostname.ts';
import {
  completeVirtualServices,
  type Lookups,
  labelNames,
  labelsText,
  ruleLabels,
  servicesByHostname,
} from './lookups.ts';
import { isHttpOrSniffed } from './protocol.ts';
import { meshGateway, type VirtualService } from './resolve-virtual-service.ts';
import { virtualServiceRoutes } from './virtual-service-routes.ts';
import { hostForm, type OutboundHost, type WantedHost, writeHosts } from './write-hosts.ts';

/** A service's port on which requests may be HTTP. */
interface Backend {
  readonly service: Service;
  readonly port: ServicePort;
}

/**
 * All virtual hosts on `listenPort` of an egress scope, in name order; 0 is a forward proxy, which knows every port. What
 * VirtualServices make comes before services' defaults; of equal names or domains the first keeps them, as in Istio.
 */
export function outboundHosts(egress: EgressScope, listenPort: number, lookups: Lookups): readonly OutboundHost[] {
  const { memo, scope } = lookups;
  const { context, snapshot } = scope;
  const virtualServices = completeVirtualServices(egress, lookups);
  const rules = snapshot.config.list('DestinationRule');
  const labels = `${sourceLabels(virtualServices, lookups)};${ruleLabels(lookups)}`;
  const { namespace, dnsDomain, generator } = context;
  const deps = [egress.services, virtualServices, rules, listenPort, namespace, dnsDomain, generator, labels];
  return memo.get('outbound-hosts', deps, () => {
    // gRPC clients ask for each name by itself.
    const services = generator === 'grpc' ? egress.services : withAliases(egress.services, memo);
    const wanted = wantedHosts(services, virtualServices, listenPort, lookups);
    const form = hostForm(listenPort, lookups);
    const hosts = writeHosts(wanted, { form, services }, lookups);
    hosts.sort((a, b) => compareNames(a.encoded.name, b.encoded.name));
    // Most changes are none on this port: then its route configuration need not be put together again.
    const id = `outbound-hosts ${listenPort} ${namespace} ${dnsDomain} ${generator} ${labels}`;
    return memo.stable(id, egress.services, hosts);
  });
}

/** The proxy's labels that any of these VirtualServices asks for. */
export function sourceLabels(virtualServices: readonly VirtualService[], { memo, scope }: Lookups): string {
  const names = memo.get('source-labels', [virtualServices], () =>
    labelNames(
      virtualServices.flatMap(({ spec }) =>
        (spec.http ?? []).flatMap(({ match }) => (match ?? []).map((one) => one.sourceLabels ?? {})),
      ),
    ),
  );
  return labelsText(names, scope.context.labels);
}

function wantedHosts(
  services: readonly Service[],
  virtualServices: readonly VirtualService[],
  listenPort: number,
  lookups: Lookups,
): WantedHost[] {
  const backends = backendsOn(services, listenPort, lookups.memo);
  const byHostname = servicesOnPort(services, listenPort, lookups.memo);
  const ownerOf = wildcardOwners(services, virtualServices, lookups.memo);
  const wanted: WantedHost[] = [];
  const taken = new Set<string>();
  const isProxyless = lookups.scope.context.generator === 'grpc';
  const place = {
    port: listenPort,
    gateway: meshGateway,
    isTls: false,
    service: (hostname: string) => onlyPort(byHostname.get(hostname), listenPort, lookups.memo),
  };
  for (const virtualService of virtualServices) {
    const hosts = virtualService.spec.hosts ?? [];
    // On port 80 a VirtualService may name hosts that no service has.
    if (listenPort !== 80 && !hosts.some((host) => matchesAny(host.toLowerCase(), byHostname, lookups.memo))) continue;
    const routes = virtualServiceRoutes(virtualService, place, lookups);
    if (routes.length === 0) continue;
    const { matching, others } = splitHosts(virtualService, byHostname, ownerOf);
    const served = matching.flatMap((service) => backends.get(service) ?? []);
    const ports = [...new Set(served.map(({ port }) => port.port))];
    if (ports.length === 0 && listenPort === 80) ports.push(80);
    for (const port of ports) {
      for (const hostname of others) wanted.push({ hostname, port, service: undefined, routes });
      for (const { service, port: own } of served) {
        if (own.port !== port) continue;
        taken.add(service.hostname);
        wanted.push({ hostname: service.hostname, port, service, routes });
      }
    }
  }
  for (const [service, ports] of backends) {
    if (taken.has(service.hostname) || (isAlias(service) && !isProxyless)) continue;
    for (const { port } of ports)
      wanted.push({ hostname: service.hostname, port: port.port, service, routes: undefined });
  }
  return wanted;
}

/** Ports of each service that may carry HTTP: `listenPort`, or all for a forward proxy. */
function backendsOn(
  services: readonly Service[],
  listenPort: number,
  memo: Memo,
): ReadonlyMap<Service, readonly Backend[]> {
  return memo.get('backends', [services, listenPort], () => {
    const backends = new Map<Service, readonly Backend[]>();
    for (const service of servicesByHostname(services, memo).values()) {
      const ports = service.ports.filter(
        ({ port, protocol }) => (listenPort === 0 || port === listenPort) && isHttpOrSniffed(protocol),
      );
      if (ports.length > 0) {
        backends.set(
          service,
          ports.map((port) => ({ service, port })),
        );
      }
    }
    return backends;
  });
}

/** Services that have the port, whatever its protocol: VirtualServices are chosen by them. */
function servicesOnPort(services: readonly Service[], listenPort: number, memo: Memo): ReadonlyMap<string, Service> {
  const all = servicesByHostname(services, memo);
  if (listenPort === 0) return all;
  return memo.get(
    'services-on-port',
    [services, listenPort],
    () => new Map([...all].filter(([, { ports }]) => ports.some(({ port }) => port === listenPort))),
  );
}

/** A destination as seen from a port: of a service with several ports only that one counts. */
function onlyPort(service: Service | undefined, listenPort: number, memo: Memo): Service | undefined {
  if (service === undefined || listenPort === 0 || service.ports.length === 1) return service;
  return memo.get('service-at-port', [service, listenPort], () => ({
    ...service,
    ports: service.ports.filter(({ port }) => port === listenPort),
  }));
}

function matchesAny(host: string, services: ReadonlyMap<string, Service>, memo: Memo): boolean {
  if (services.has(host)) return true;
  const candidates = isWildcard(host) ? services.keys() : wildcardHostnames(services, memo);
  for (const hostname of candidates) if (hostsOverlap(host, hostname)) return true;
  return false;
}

function wildcardHostnames(services: ReadonlyMap<string, Service>, memo: Memo): readonly string[] {
  return memo.get('wildcard-hostnames', [services], () => [...services.keys()].filter(isWildcard));
}

/** The services that a VirtualService's hosts mean, and the hosts that no service has. */
function splitHosts(
  virtualService: VirtualService,
  services: ReadonlyMap<string, Service>,
  ownerOf: ReadonlyMap<string, VirtualService>,
): { readonly matching: readonly Service[]; readonly others: readonly string[] } {
  const matching = new Set<Service>();
  const others: string[] = [];
  for (const text of virtualService.spec.hosts ?? []) {
    const host = text.toLowerCase();
    const exact = services.get(host);
    if (exact) matching.add(exact);
    else if (!isWildcard(host)) others.push(host);
    else {
      let isKnown = false;
      for (const [hostname, service] of services) {
        if (!hostsOverlap(hostname, host)) continue;
        isKnown = true;
        if (ownerOf.get(hostname) === virtualService) matching.add(service);
      }
      if (!isKnown) others.push(host);
    }
  }
  return { matching: [...matching], others };
}

/** For each service the VirtualService whose host means it most specifically; the older of equals. */
function wildcardOwners(
  services: readonly Service[],
  virtualServices: readonly VirtualService[],
  memo: Memo,
): ReadonlyMap<string, VirtualService> {
  return memo.get('wildcard-owners', [services, virtualServices], () => {
    const owners = new Map<string, VirtualService>();
    const hosts = new Map<string, VirtualService>();
    for (const virtualService of virtualServices) {
      for (const host of virtualService.spec.hosts ?? []) {
        if (!hosts.has(host.toLowerCase())) hosts.set(host.toLowerCase(), virtualService);
      }
    }
    const wildcards = [...hosts.keys()].filter(isWildcard).sort(compareSpecificity);
    if (wildcards.length === 0) return owners;
    for (const hostname of servicesByHostname(services, memo).keys()) {
      const host = hosts.has(hostname) ? hostname : wildcards.find((wildcard) => isHostWithin(hostname, wildcard));
      const owner = host === undefined ? undefined : hosts.get(host);
      if (owner) owners.set(hostname, owner);
    }
    return owners;
  });
}
