// Kubernetes objects reduced to what the translation reads: the rest would be ten times the memory, and its changes mean nothing to us.
import type {
  KubernetesEndpointSlice,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
} from '../../mesh/config/schemas/kubernetes.ts';
import { trafficDistributionAnnotation } from '../../mesh/traffic-distribution.ts';
import type { ApiObject } from './client.ts';

type Labels = Readonly<Record<string, string>>;

function identity({ metadata: { name, namespace } }: ApiObject) {
  return { ...(name !== undefined && { name }), ...(namespace !== undefined && { namespace }) };
}

function labelsOf({ metadata }: ApiObject): { labels?: Labels } {
  const { labels } = metadata as { readonly labels?: Labels };
  return labels ? { labels } : {};
}

/** Of annotations only those that are Istio's or ours; see translate.ts. */
export function pruneService(object: ApiObject): KubernetesService {
  const { annotations, creationTimestamp } = object.metadata as KubernetesService['metadata'];
  const ours = Object.entries(annotations ?? {}).filter(([name]) => /(?:istio|periplus)\.io\//.test(name));
  const { spec = {}, status } = object as unknown as KubernetesService;
  const ingress = status?.loadBalancer?.ingress ?? [];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...identity(object),
      ...labelsOf(object),
      ...(ours.length > 0 && { annotations: Object.fromEntries(ours) }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    },
    spec: defined(spec, [
      'type',
      'clusterIP',
      'clusterIPs',
      'externalName',
      'externalIPs',
      'publishNotReadyAddresses',
      'internalTrafficPolicy',
      'trafficDistribution',
      'selector',
      'ports',
    ]),
    ...(ingress.length > 0 && {
      status: { loadBalancer: { ingress: ingress.map((at) => defined(at, ['ip', 'hostname'])) } },
    }),
  };
}

/** Its labels name the service. */
export function pruneEndpointSlice(object: ApiObject): KubernetesEndpointSlice {
  const { addressType, endpoints, ports } = object as unknown as KubernetesEndpointSlice;
  const name = labelsOf(object).labels?.[serviceNameLabel];
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...identity(object), ...(name !== undefined && { labels: { [serviceNameLabel]: name } }) },
    ...(addressType !== undefined && { addressType }),
    ...(endpoints && {
      endpoints: endpoints.map((at) => defined(at, ['addresses', 'conditions', 'nodeName', 'zone', 'targetRef'])),
    }),
    ...(ports && { ports }),
  };
}

/** Name of the label that ties an EndpointSlice to its Service. */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** Of containers only named ports, of conditions only readiness. */
export function prunePod(object: ApiObject): KubernetesPod {
  const { metadata, spec = {}, status = {} } = object as unknown as KubernetesPod;
  const { creationTimestamp, deletionTimestamp } = metadata;
  const withPorts = (containers: NonNullable<KubernetesPod['spec']>['containers']) =>
    containers?.flatMap(({ ports }) => {
      const named = ports?.filter(({ name }) => name).map((port) => defined(port, ['name', 'containerPort']));
      return named && named.length > 0 ? [{ ports: named }] : [];
    }) ?? [];
  const containers = withPorts(spec.containers);
  const initContainers = withPorts(spec.initContainers);
  const ready = status.conditions
    ?.filter(({ type }) => type === 'Ready')
    .map((one) => defined(one, ['type', 'status']));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...identity(object),
      ...labelsOf(object),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    spec: {
      ...defined(spec, ['nodeName', 'serviceAccountName', 'hostNetwork']),
      ...(containers.length > 0 && { containers }),
      ...(initContainers.length > 0 && { initContainers }),
    },
    status: { ...defined(status, ['phase', 'podIP', 'podIPs']), ...(ready && { conditions: ready }) },
  };
}

/** Its labels hold the locality. */
export function pruneNode(object: ApiObject): KubernetesNode {
  const labels = Object.entries(labelsOf(object).labels ?? {}).filter(([name]) => /topology|failure-domain/.test(name));
  return { apiVersion: 'v1', kind: 'Node', metadata: { ...identity(object), labels: Object.fromEntries(labels) } };
}

/** Labels select namespaces and name the cluster's network; of annotations the one that services inherit. */
export function pruneNamespace(object: ApiObject): KubernetesNamespace {
  const { annotations } = object.metadata as KubernetesNamespace['metadata'];
  const nearness = annotations?.[trafficDistributionAnnotation];
  const kept = nearness === undefined ? {} : { annotations: { [trafficDistributionAnnotation]: nearness } };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { ...identity(object), ...labelsOf(object), ...kept } };
}

function defined<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  const entries = names.flatMap((name) =>
    from[name] === undefined || from[name] === null ? [] : [[name, from[name]]],
  );
  return Object.fromEntries(entries) as Pick<T, K>;
}
