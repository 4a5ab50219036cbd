// VirtualServices: destinations, subsets, gateways and delegates that exist; hosts that only one of them claims.
import type { ConfigResource } from '../../../events/model.ts';
import type { Path, Problem } from '../problem.ts';
import { fullHostname } from '../resolve-host.ts';
import type { Destination, VirtualServiceSpec } from '../schemas/virtual-service.ts';
import { finding, groupBy, type MeshIndex, nameOf } from './mesh-index.ts';

type VirtualService = ConfigResource<VirtualServiceSpec>;

/** IST0101, IST0109 and IST0112 (IST0132 is in gateways.ts, IST0130 in validate/virtual-service.ts). */
export function analyzeVirtualServices(index: MeshIndex): readonly Problem[] {
  const all = index.snapshot.config.list<VirtualServiceSpec>('VirtualService');
  return [...all.flatMap((virtualService) => analyzeOne(virtualService, index)), ...conflictingHosts(all)];
}

function analyzeOne(virtualService: VirtualService, index: MeshIndex): readonly Problem[] {
  const destinations = destinationsOf(virtualService.spec);
  return [
    ...destinations.flatMap(([path, destination]) => analyzeDestination(virtualService, path, destination, index)),
    ...missingDelegates(virtualService, index),
  ];
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
  if (first === undefined)
    return [
      finding(
        resource,
        [...path, 'host'],
        'IST0101',
        `no service ${JSON.stringify(host)} is known in or visible to namespace ${resource.namespace}`,
      ),
    ];
  const problems: Problem[] = [];
  if (subset && !index.subsetsFor(host, resource.namespace).has(subset))
    problems.push(
      finding(
        resource,
        [...path, 'subset'],
        'IST0101',
        `no DestinationRule defines subset ${JSON.stringify(subset)} of ${host}`,
      ),
    );
  const ports = first.ports.map((servicePort) => servicePort.port);
  if (port?.number === undefined && ports.length > 1)
    problems.push(
      finding(resource, path, 'IST0112', `${host} has several ports (${ports.join(', ')}): give port.number`),
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
        `${host} has no port ${port.number}; it has ${ports.join(', ') || 'none'}`,
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
      return [finding(resource, path, 'IST0101', `there is no VirtualService ${namespace}/${delegate.name}`)];
    return target.spec.hosts?.length
      ? [
          finding(
            resource,
            path,
            'IST0101',
            `VirtualService ${namespace}/${delegate.name} has hosts, so it is not a delegate`,
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
  const problems: Problem[] = [];
  for (const [host, group] of groupBy(claims, (claim) => claim.host))
    for (const [position, claim] of group.entries()) {
      const winner = group
        .slice(0, position)
        .find((other) => other.resource !== claim.resource && seenTogether(other.resource, claim.resource));
      if (winner === undefined) continue;
      problems.push(
        finding(
          claim.resource,
          ['spec', 'hosts', claim.at],
          'IST0109',
          `VirtualService ${nameOf(winner.resource)}, which is older, defines the same host ${host} for sidecars and wins; merge the two`,
        ),
      );
    }
  return problems;
}

function seenTogether(a: VirtualService, b: VirtualService): boolean {
  const namespaces = ({ spec, namespace }: VirtualService) =>
    spec.exportTo?.length && !spec.exportTo.includes('*')
      ? new Set(spec.exportTo.map((value) => (value === '.' ? namespace : value)))
      : undefined;
  const [first, second] = [namespaces(a), namespaces(b)];
  return first === undefined || second === undefined || [...first].some((namespace) => second.has(namespace));
}
