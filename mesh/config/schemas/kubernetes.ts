// Kubernetes objects, the fields that Periplus reads (kubernetes.io/docs/reference/kubernetes-api); unknown fields are allowed.
import { metadataSchema } from './destination.ts';
import { base64, flag, list, map, numberOrText, openObject, required, type Static, text, uint32 } from './schema.ts';

const servicePort = openObject({
  name: text,
  protocol: text,
  port: required(uint32),
  targetPort: numberOrText,
  appProtocol: text,
  nodePort: uint32,
});
const loadBalancerIngress = openObject({ ip: text, hostname: text });
/** Schema of a Service. */
export const serviceSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  spec: openObject({
    type: text,
    clusterIP: text,
    clusterIPs: list(text),
    externalName: text,
    externalIPs: list(text),
    publishNotReadyAddresses: flag,
    internalTrafficPolicy: text,
    trafficDistribution: text,
    sessionAffinity: text,
    selector: map(text),
    ports: list(servicePort),
  }),
  status: openObject({ loadBalancer: openObject({ ingress: list(loadBalancerIngress) }) }),
});

const objectReference = openObject({ kind: text, name: text, namespace: text });
const endpointAddress = openObject({ ip: required(text), hostname: text, nodeName: text, targetRef: objectReference });
const endpointPort = openObject({ name: text, port: uint32, protocol: text, appProtocol: text });
/** Schema of an Endpoints object. */
export const endpointsSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  subsets: list(
    openObject({
      addresses: list(endpointAddress),
      notReadyAddresses: list(endpointAddress),
      ports: list(endpointPort),
    }),
  ),
});
const sliceEndpoint = openObject({
  addresses: required(list(text)),
  conditions: openObject({ ready: flag, serving: flag, terminating: flag }),
  hostname: text,
  nodeName: text,
  zone: text,
  targetRef: objectReference,
});
/** Schema of an EndpointSlice. */
export const endpointSliceSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  addressType: text,
  endpoints: list(sliceEndpoint),
  ports: list(endpointPort),
});
const containerPort = openObject({ name: text, containerPort: required(uint32), protocol: text });
const container = openObject({ name: text, ports: list(containerPort) });
/** Schema of a Pod. */
export const podSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  spec: openObject({
    nodeName: text,
    serviceAccountName: text,
    hostNetwork: flag,
    containers: list(container),
    initContainers: list(container),
  }),
  status: openObject({
    phase: text,
    podIP: text,
    podIPs: list(openObject({ ip: text })),
    hostIP: text,
    conditions: list(openObject({ type: text, status: text })),
  }),
});
/** Schema of a Deployment (apps/v1): its Pods' labels and annotations. */
export const deploymentSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  spec: openObject({
    template: openObject({ metadata: openObject({ labels: map(text), annotations: map(text) }) }),
  }),
});
/** Schema of a Namespace. */
export const namespaceSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
});
/** Schema of a Node; its labels hold the locality. */
export const nodeSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  status: openObject({ addresses: list(openObject({ type: text, address: text })) }),
});
/** Schema of a ConfigMap. */
export const configMapSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  data: map(text),
});
/** Schema of a Secret. Its content must never reach an event or a log line. */
export const secretSchema = openObject({
  apiVersion: required(text),
  kind: required(text),
  metadata: required(metadataSchema),
  type: text,
  data: map(base64),
  stringData: map(text),
});

/** A Kubernetes Service. */
export interface KubernetesService extends Static<typeof serviceSchema> {}
/** A port of a Kubernetes Service. */
export interface KubernetesServicePort extends Static<typeof servicePort> {}
/** A Kubernetes Endpoints object (v1). */
export interface KubernetesEndpoints extends Static<typeof endpointsSchema> {}
/** An address of an Endpoints object. */
export interface KubernetesEndpointAddress extends Static<typeof endpointAddress> {}
/** A port of an Endpoints object or EndpointSlice. */
export interface KubernetesEndpointPort extends Static<typeof endpointPort> {}
/** A Kubernetes EndpointSlice (discovery.k8s.io/v1). */
export interface KubernetesEndpointSlice extends Static<typeof endpointSliceSchema> {}
/** One endpoint of an EndpointSlice. */
export interface KubernetesSliceEndpoint extends Static<typeof sliceEndpoint> {}
/** A Kubernetes Pod. */
export interface KubernetesPod extends Static<typeof podSchema> {}
/** A Kubernetes Deployment. */
export interface KubernetesDeployment extends Static<typeof deploymentSchema> {}
/** A Kubernetes Namespace. */
export interface KubernetesNamespace extends Static<typeof namespaceSchema> {}
/** A Kubernetes Node. */
export interface KubernetesNode extends Static<typeof nodeSchema> {}
/** A Kubernetes ConfigMap. */
export interface KubernetesConfigMap extends Static<typeof configMapSchema> {}
/** A Kubernetes Secret. */
export interface KubernetesSecret extends Static<typeof secretSchema> {}
/** Any of them. */
export type KubernetesObject =
  | KubernetesService
  | KubernetesEndpoints
  | KubernetesEndpointSlice
  | KubernetesPod
  | KubernetesNamespace
  | KubernetesNode
  | KubernetesConfigMap
  | KubernetesSecret;
/** Metadata of any object. */
export type { ObjectMetadata } from './destination.ts';
