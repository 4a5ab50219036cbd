// The endpoints of a Kubernetes Service: from EndpointSlices, else an Endpoints object, else the pods that its selector matches.
import type { Endpoint, Health, Service } from '../../events/model.ts';
import type {
  KubernetesEndpointAddress,
  KubernetesEndpointPort,
  KubernetesEndpointSlice,
  KubernetesEndpoints,
  KubernetesPod,
  KubernetesSliceEndpoint,
} from '../../mesh/config/schemas/kubernetes.ts';
import { addressesOf, isFinished, type KubernetesIndex, objectKey } from './kubernetes-set.ts';
import { containerPorts, healthOf, localityOfNode, traitsOf } from './translate-pod.ts';

/** An endpoint and the object that shows it, `Kind/namespace/name`. */
export interface ShownEndpoint {
  readonly endpoint: Endpoint;
  readonly shownBy: string;
}

interface Context {
  readonly service: Service;
  readonly index: KubernetesIndex;
  /** `Kind/namespace/name` of what is being read. */
  readonly shownBy: string;
}

/** Every endpoint of `service`, in no particular order. */
export function endpointsOfService(
  service: Service,
  index: KubernetesIndex,
  options: { readonly publishNotReady: boolean },
): readonly ShownEndpoint[] {
  const { namespace, name } = service;
  if (service.externalName !== undefined) return [externalEndpoint(service, service.externalName)];
  const slices = index.slicesOf(namespace, name);
  if (slices.length > 0) {
    return merged(
      slices.flatMap((slice) => fromSlice(slice, { service, index, shownBy: `EndpointSlice/${objectKey(slice)}` })),
    );
  }
  const object = index.endpointsOf(namespace, name);
  if (object) return merged(fromEndpoints(object, { service, index, shownBy: `Endpoints/${objectKey(object)}` }));
  const { selector } = service;
  if (!selector || Object.keys(selector).length === 0) return [];
  return index
    .podsSelectedBy(namespace, selector)
    .filter((pod) => !isFinished(pod))
    .flatMap((pod) => fromPod(pod, options.publishNotReady, { service, index, shownBy: `Pod/${objectKey(pod)}` }));
}

function externalEndpoint(service: Service, address: string): ShownEndpoint {
  const ports = service.ports.map(({ name, port, targetPort }) => [
    name,
    typeof targetPort === 'number' ? targetPort : port,
  ]);
  const context = { service, shownBy: `Service/${service.namespace}/${service.name}` };
  return shown(context, { id: address, address, ports: Object.fromEntries(ports), labels: {}, health: 'healthy' });
}

function fromSlice(slice: KubernetesEndpointSlice, context: Context): ShownEndpoint[] {
  // Deprecated in the API; a name can be no endpoint of what proxies are given by address (Istio leaves them out, too).
  if (slice.addressType === 'FQDN') return [];
  const ports = portsOf(slice.ports, context.service);
  return (slice.endpoints ?? []).flatMap((at) =>
    // Kubernetes' controllers list one address an entry; of several written by hand istiod uses each.
    at.addresses.filter(Boolean).map((address, position) => {
      const pod = podOf(at.targetRef, address, context);
      const name = pod?.metadata.name ?? nameOfTarget(at.targetRef);
      // A dual-stack pod is in a slice for each address family under one name.
      const isFurther = slice.addressType === 'IPv6' || position > 0;
      const id = name === undefined ? address : isFurther ? `${name}~${address}` : name;
      const locality = localityOfNode(at.nodeName, context.index) ?? (at.zone ? `/${at.zone}` : undefined);
      return shown(context, {
        id,
        address,
        ports,
        health: healthIn(at),
        ...attributes(pod, { locality, nodeName: at.nodeName }, context),
      });
    }),
  );
}

function fromEndpoints(object: KubernetesEndpoints, context: Context): ShownEndpoint[] {
  return (object.subsets ?? []).flatMap((subset) => {
    const ports = portsOf(subset.ports, context.service);
    const read = (at: KubernetesEndpointAddress, health: Health) => {
      const pod = podOf(at.targetRef, at.ip, context);
      const id = pod?.metadata.name ?? nameOfTarget(at.targetRef) ?? at.ip;
      const locality = localityOfNode(at.nodeName, context.index);
      const place = { locality, nodeName: at.nodeName };
      return shown(context, { id, address: at.ip, ports, health, ...attributes(pod, place, context) });
    };
    return [
      ...(subset.addresses ?? []).map((at) => read(at, 'healthy')),
      ...(subset.notReadyAddresses ?? []).map((at) => read(at, 'unhealthy')),
    ];
  });
}

function fromPod(pod: KubernetesPod, publishNotReady: boolean, context: Context): ShownEndpoint[] {
  const [address] = addressesOf(pod);
  if (!address) return [];
  const named = containerPorts(pod);
  const ports: Record<string, number> = {};
  for (const { name, port, targetPort } of context.service.ports) {
    const target = typeof targetPort === 'string' ? named[targetPort] : (targetPort ?? port);
    if (target !== undefined) ports[name] = target;
  }
  const health = publishNotReady ? 'healthy' : healthOf(pod);
  const id = pod.metadata.name ?? address;
  return [shown(context, { id, address, ports, health, ...attributes(pod, {}, context) })];
}

/** Ports of the endpoints under the names of the service's; one without a number means any port and can't be balanced to. */
function portsOf(
  ports: readonly KubernetesEndpointPort[] | undefined,
  service: Service,
): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { name = '', port } of ports ?? []) {
    if (port !== undefined && service.ports.some((offered) => offered.name === name)) found[name] = port;
  }
  return found;
}

/** `serving` without `ready` is a pod on its way out that still answers. */
function healthIn({ conditions }: KubernetesSliceEndpoint): Health {
  if (conditions?.ready !== false) return 'healthy';
  return conditions.terminating && conditions.serving !== false ? 'draining' : 'unhealthy';
}

interface TargetRef {
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
}

function nameOfTarget(target: TargetRef | undefined): string | undefined {
  return target?.kind === undefined || target.kind === 'Pod' ? target?.name : undefined;
}

function podOf(target: TargetRef | undefined, address: string, { service, index }: Context): KubernetesPod | undefined {
  const name = nameOfTarget(target);
  const named = name === undefined ? undefined : index.podNamed(target?.namespace || service.namespace, name);
  return named ?? index.podAt(service.namespace, address);
}

/** `at`: where the list of endpoints says they are, for what no pod tells. */
function attributes(
  pod: KubernetesPod | undefined,
  at: { readonly locality?: string | undefined; readonly nodeName?: string | undefined },
  { index }: Context,
) {
  const { labels, locality, network, serviceAccount, workload } = pod
    ? traitsOf(pod, index)
    : { labels: {}, locality: undefined, network: index.network, serviceAccount: undefined, workload: undefined };
  const place = locality ?? at.locality;
  const nodeName = pod?.spec?.nodeName || at.nodeName;
  return {
    labels,
    ...(place && { locality: place }),
    ...(network && { network }),
    ...(serviceAccount && { serviceAccount }),
    ...(workload && { workload }),
    ...(nodeName && { nodeName }),
  };
}

function shown(
  { service, shownBy }: Pick<Context, 'service' | 'shownBy'>,
  of: Omit<Endpoint, 'hostname' | 'namespace' | 'platform' | 'clusterId'>,
): ShownEndpoint {
  const { hostname, namespace, platform, clusterId } = service;
  return { endpoint: { ...of, hostname, namespace, platform, ...(clusterId && { clusterId }) }, shownBy };
}

/** One endpoint for each id: the same instance may be listed once for each of its ports. Ready anywhere is ready. */
function merged(all: readonly ShownEndpoint[]): readonly ShownEndpoint[] {
  const byId = new Map<string, ShownEndpoint>();
  for (const one of all) {
    const known = byId.get(one.endpoint.id);
    if (!known) byId.set(one.endpoint.id, one);
    else {
      const { endpoint } = known;
      const health = one.endpoint.health === 'healthy' ? 'healthy' : endpoint.health;
      const ports = { ...endpoint.ports, ...one.endpoint.ports };
      byId.set(endpoint.id, { ...known, endpoint: { ...endpoint, ports, health } });
    }
  }
  return [...byId.values()];
}
