// VirtualServices: destinations, subsets, gateways and delegates that exist; hosts that only one of them claims.
import type { ConfigResource } from '../../../events/model.ts';
import type { Path, Problem } from '../problem.ts';
import { fullHostname } from '../resolve-host.ts';
import type { Destination, VirtualServiceSpec } from '../schemas/virtual-service.ts';
import { finding, groupBy, type MeshIndex, nameOf, wins } from './mesh-index.ts';

type VirtualService = ConfigResource<VirtualServiceSpec>;

/** IST0002, IST0101, IST0109, IST0112 and IST0140 (IST0132 is in gateways.ts, IST0130 and IST0131 in validate/unreachable-rules.ts). */
export function analyzeVirtualServices(index: MeshIndex): readonly Problem[] {
  const all = index.snapshot.config.list<VirtualServiceSpec>('VirtualService');
  return [
    ...all.flatMap((virtualService) => analyzeOne(virtualService, index)),
    ...conflictingHosts(all),
    ...unaffectedGateways(all),
  ];
}

function analyzeOne(virtualService: VirtualService, index: MeshIndex): readonly Problem[] {
  const destinations = destinationsOf(virtualService.spec);
  return [
    ...destinations.flatMap(([path, destination]) => analyzeDestination(virtualService, path, destination, index)),
    ...missingDelegates(virtualService, index),
    ...deprecatedFields(virtualService),
  ];
}

function deprecatedFields(virtualService: VirtualService): readonly Problem[] {
  return (virtualService.spec.http ?? []).flatMap(({ fault }, i) =>
    fault?.delay?.percent
      ? [
          finding(
            virtualService,
            ['spec', 'http', i, 'fault', 'delay', 'percent'],
            'IST0002',
            'Deprecated: HTTPRoute.fault.delay.percent is deprecated; use HTTPRoute.fault.delay.percentage',
          ),
        ]
      : [],
  );
}

/** Routes of gateways to a host whose subsets another VirtualService chooses for sidecars: gateways do not take that one. */
function unaffectedGateways(all: readonly VirtualService[]): readonly Problem[] {
  const withSubsets = all.flatMap((virtualService) =>
    (virtualService.spec.http ?? [])
      .flatMap(({ route = [] }) => route)
      .filter(({ destination: { host, subset } }) => subset && virtualService.spec.hosts?.includes(host))
      .map(({ destination }) => ({ virtualService, host: destination.host })),
  );
  return all
    .filter(({ spec }) => spec.gateways?.length)
    .flatMap((virtualService) =>
      (virtualService.spec.http ?? []).flatMap(({ route = [] }, i) =>
        route.flatMap(({ destination }, j) => {
          const other = withSubsets.find(({ host }) => host === destination.host);
          if (destination.subset || other === undefined) return [];
          const message = `Subset in virtual service ${nameOf(other.virtualService)} has no effect on ingress gateway ${nameOf(virtualService)} requests`;
          return [finding(virtualService, ['spec', 'http', i, 'route', j, 'destination', 'host'], 'IST0140', message)];
        }),
      ),
    );
}

/** Every destination of a VirtualService with its path. */
function destinationsOf(spec: VirtualServiceSpec): readonly (readonly [Path, Destination])[] {
  const found: [Path, Destination][] = [];
  for (const kind of ['http', 'tls', 'tcp'] as const)
    for (const [i, route] of (spec[kind] ?? []).entries())
      for (const [j, { destination }] of (route.route ?? []).entries())
        found.push([['spec', kind, i, 'route', j, 'destination'], destination]);
  for (const [i, route] of (spec.http ?? []).entries()) {
    if (route.mirror) found.push([['spec', 'http', i, 'mirror'], route.mirror]);
    for (const [j, mirror] of (route.mirrors ?? []).entries())
      found.push([['spec', 'http', i, 'mirrors', j, 'destination'], mirror.destination]);
  }
  return found;
}

function analyzeDestination(
  resource: VirtualService,
  path: Path,
  destination: Destination,
  index: MeshIndex,
): readonly Problem[] {
  const { host, subset, port } = destination;
  const services = index.servicesFor(host, resource.namespace);
  const first = services[0];
  const isMirror = path.some((step) => step === 'mirror' || step === 'mirrors');
  const problems: Problem[] = [];
  if (subset && !index.subsetsFor(host, resource.namespace).has(subset))
    problems.push(
      finding(
        resource,
        [...path, 'subset'],
        'IST0101',
        `Referenced ${isMirror ? 'mirror' : 'host'}+subset in destinationrule not found: "${host}+${subset}"`,
      ),
    );
  if (first === undefined) {
    const unknown = `Referenced ${isMirror ? 'mirror host' : 'host'} not found: ${JSON.stringify(host)} (no such service is known in or visible to namespace ${resource.namespace})`;
    return [...problems, finding(resource, [...path, 'host'], 'IST0101', unknown)];
  }
  const ports = first.ports.map((servicePort) => servicePort.port);
  if (port?.number === undefined && ports.length > 1)
    problems.push(
      finding(
        resource,
        path,
        'IST0112',
        `This VirtualService routes to a service "${host}" that exposes multiple ports [${ports.join(' ')}]. Specifying a port in the destination is required to disambiguate.`,
      ),
    );
  if (
    port?.number !== undefined &&
    !services.some((service) => service.ports.some((servicePort) => servicePort.port === port.number))
  )
    problems.push(
      finding(
        resource,
        [...path, 'port', 'number'],
        'IST0101',
        `Referenced host:port not found: "${host}:${port.number}" (it has ${ports.join(', ') || 'none'})`,
      ),
    );
  return problems;
}

function missingDelegates(resource: VirtualService, index: MeshIndex): readonly Problem[] {
  return (resource.spec.http ?? []).flatMap(({ delegate }, i) => {
    if (delegate?.name === undefined) return [];
    const namespace = delegate.namespace || resource.namespace;
    const target = index.snapshot.config.get<VirtualServiceSpec>('VirtualService', namespace, delegate.name);
    const path = ['spec', 'http', i, 'delegate'];
    if (target === undefined)
      return [finding(resource, path, 'IST0101', `Referenced delegate not found: "${namespace}/${delegate.name}"`)];
    return target.spec.hosts?.length
      ? [
          finding(
            resource,
            path,
            'IST0101',
            `Referenced delegate not found: "${namespace}/${delegate.name}" (it has hosts, so it is none)`,
          ),
        ]
      : [];
  });
}

/** Sidecars take the first VirtualService of a host, in order of creation, and ignore the others. */
function conflictingHosts(all: readonly VirtualService[]): readonly Problem[] {
  const claims = all
    .filter(({ spec }) => !spec.gateways?.length || spec.gateways.includes('mesh'))
    .flatMap((resource) =>
      (resource.spec.hosts ?? []).map((host, at) => ({ resource, at, host: fullHostname(host, resource.namespace) })),
    );
  return [...groupBy(claims, (claim) => claim.host)].flatMap(([host, group]) =>
    group.flatMap((claim) => {
      const others = group.filter(
        (other) => other.resource !== claim.resource && seenTogether(other.resource, claim.resource),
      );
      const winner = group.find((one) => one === claim || others.includes(one));
      if (others.length === 0 || winner === undefined) return [];
      const names = [claim, ...others].map(({ resource }) => nameOf(resource)).sort();
      const message = `The VirtualServices ${names.join(',')} associated with mesh gateway define the same host ${host} which can lead to undefined behavior. This can be fixed by merging the conflicting VirtualServices into a single resource. ${wins(winner.resource)}`;
      return [finding(claim.resource, ['spec', 'hosts', claim.at], 'IST0109', message)];
    }),
  );
}

function seenTogether(a: VirtualService, b: VirtualService): boolean {
  const namespaces = ({ spec, namespace }: VirtualService) =>
    spec.exportTo?.length && !spec.exportTo.includes('*')
      ? new Set(spec.exportTo.map((value) => (value === '.' ? namespace : value)))
      : undefined;
  const [first, second] = [namespaces(a), namespaces(b)];
  return first === undefined || second === undefined || [...first].some((namespace) => second.has(namespace));
}
