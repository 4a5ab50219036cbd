// Kubernetes objects into the canonical model, as Istio reads them. Pure: everything that belongs together is given together.
import type { Service, ServicePort } from '../../events/model.ts';
import type {
  KubernetesNamespace,
  KubernetesService,
  KubernetesServicePort,
} from '../../mesh/config/schemas/kubernetes.ts';
import { trafficDistributionOf } from '../../mesh/traffic-distribution.ts';
import type { Observed } from '../adapter.ts';
import { indexKubernetes, type KubernetesSet, namespaceOf, objectKey } from './kubernetes-set.ts';
import { protocolOf } from './port-protocol.ts';
import { endpointsOfService } from './translate-endpoints.ts';
import { type Origin, workloadOf } from './translate-pod.ts';

/** Something that a set of objects stands for, and the object that shows it: `Kind/namespace/name`. */
export interface Shown {
  readonly observed: Observed;
  readonly shownBy: string;
}

/**
 * The services, endpoints and workloads that `set` stands for. A service with a selector but neither EndpointSlice nor Endpoints in the
 * set has the pods as endpoints that the selector matches.
 */
export function translateKubernetes(set: KubernetesSet, origin: Origin): readonly Shown[] {
  const index = indexKubernetes(set);
  const shown: Shown[] = [];
  for (const object of set.services) {
    const value = serviceOf(object, origin, index.namespaceNamed(namespaceOf(object)));
    shown.push({ observed: { kind: 'service', value }, shownBy: `Service/${objectKey(object)}` });
    const publishNotReady = object.spec?.publishNotReadyAddresses === true;
    for (const { endpoint, shownBy } of endpointsOfService(value, index, { publishNotReady })) {
      shown.push({ observed: { kind: 'endpoint', value: endpoint }, shownBy });
    }
  }
  for (const pod of set.pods) {
    const value = workloadOf(pod, index, origin);
    if (value) shown.push({ observed: { kind: 'workload', value }, shownBy: `Pod/${objectKey(pod)}` });
  }
  return shown;
}

/** The canonical service of a Kubernetes Service in `within` (kubernetes.io/docs/concepts/services-networking/service). */
export function serviceOf(object: KubernetesService, origin: Origin, within: KubernetesNamespace | undefined): Service {
  const { metadata, spec = {} } = object;
  const namespace = namespaceOf(object);
  const name = metadata.name ?? '';
  const headless = spec.clusterIP === 'None';
  const externalName = spec.type === 'ExternalName' ? spec.externalName : undefined;
  const exportTo = listIn(metadata.annotations?.['networking.istio.io/exportTo']);
  const annotations = istioAnnotations(metadata.annotations);
  const ofNamespace = within?.metadata.annotations;
  const trafficDistribution = trafficDistributionOf(spec.trafficDistribution, metadata.annotations, ofNamespace);
  const externalAddresses = externalAddressesOf(object);
  return {
    hostname: `${name}.${namespace}.svc.${origin.domain ?? 'cluster.local'}`,
    name,
    namespace,
    platform: origin.platform,
    ...(origin.clusterId && { clusterId: origin.clusterId }),
    addresses: externalName ? [] : virtualAddresses(spec),
    ports: (spec.ports ?? []).filter(({ protocol }) => protocol !== 'SCTP').map(servicePortOf),
    labels: metadata.labels ?? {},
    ...(annotations && { annotations }),
    ...(spec.selector && !externalName && { selector: spec.selector }),
    ...(headless && { headless }),
    ...(externalName && { externalName }),
    ...(exportTo.length > 0 && { exportTo }),
    ...(trafficDistribution && { trafficDistribution }),
    ...(externalAddresses.length > 0 && { externalAddresses }),
    ...(spec.internalTrafficPolicy === 'Local' && { isNodeLocal: true as const }),
    resolution: externalName ? 'DNS' : headless ? 'NONE' : 'STATIC',
    location: 'MESH_INTERNAL',
    ...(metadata.creationTimestamp && { createdAt: metadata.creationTimestamp }),
  };
}

/** Of a load balancer what its controller reports, an IP address before a name; of any Service its external IPs. As istiod takes them. */
function externalAddressesOf({ spec = {}, status }: KubernetesService): readonly string[] {
  const ingress = spec.type === 'LoadBalancer' ? (status?.loadBalancer?.ingress ?? []) : [];
  const balancer = ingress.map(({ ip, hostname }) => ip || hostname || '').filter((address) => address !== '');
  return [...new Set([...balancer, ...(spec.externalIPs ?? [])])];
}

function virtualAddresses(spec: {
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
}): readonly string[] {
  const all = [spec.clusterIP, ...(spec.clusterIPs ?? [])];
  return [...new Set(all.filter((address): address is string => !!address && address !== 'None'))];
}

function servicePortOf(port: KubernetesServicePort): ServicePort {
  const { targetPort } = port;
  const differs = targetPort !== undefined && targetPort !== '' && targetPort !== 0 && targetPort !== port.port;
  return { name: port.name ?? '', port: port.port, protocol: protocolOf(port), ...(differs && { targetPort }) };
}

function listIn(annotation: string | undefined): readonly string[] {
  return (annotation ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Other annotations change often (controllers keep state there) and mean nothing to the mesh. */
function istioAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> | undefined {
  const ours = Object.entries(annotations ?? {}).filter(
    ([name]) => name.includes('istio.io/') || name.includes('periplus.io/'),
  );
  return ours.length > 0 ? Object.fromEntries(ours) : undefined;
}
