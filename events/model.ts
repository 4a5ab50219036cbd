// The canonical model that every platform is translated into: services, endpoints, workloads and configuration resources.

/** Application protocol of a port, with Istio's names (istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection). `Unsupported` means: detect it. */
export type Protocol =
  | 'HTTP'
  | 'HTTP2'
  | 'GRPC'
  | 'GRPC-Web'
  | 'HTTPS'
  | 'TLS'
  | 'TCP'
  | 'Mongo'
  | 'MySQL'
  | 'Redis'
  | 'UDP'
  | 'Unsupported';

/** A port that a service offers. */
export interface ServicePort {
  readonly name: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly protocol: Protocol;
  /** Port on the endpoints when it differs: a number, or a name that each workload resolves. */
  readonly targetPort?: number | string;
}

/** How a proxy finds a service's endpoints (Istio ServiceEntry.Resolution; STATIC is EDS). */
export type Resolution = 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS' | 'NONE';

/** A named set of endpoints. Identified by namespace and hostname: `serviceKey`. */
export interface Service {
  /** Fully qualified, lower case: `reviews.default.svc.cluster.local`. */
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  /** Who reported it: `kubernetes`, `consul`, `nomad`, `docker`, `files`, or `service-entry` when it comes from configuration. */
  readonly platform: string;
  /** Cluster, datacenter or region within the platform. */
  readonly clusterId?: string;
  /** Virtual IPs or CIDR ranges; empty when it has none. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Labels of the workloads behind it; absent when endpoints are listed by hand. */
  readonly selector?: Readonly<Record<string, string>>;
  /** A Kubernetes headless service: clients connect to endpoints' own addresses. */
  readonly headless?: boolean;
  /** Target of a Kubernetes ExternalName service. */
  readonly externalName?: string;
  /** Namespaces that see it: names, `.` (own), `*` (all) or `~` (none); absent means the mesh default, all. */
  readonly exportTo?: readonly string[];
  /** Which endpoints its callers prefer, where no DestinationRule says; absent: any. */
  readonly trafficDistribution?: 'PreferSameZone' | 'PreferSameNode';
  /** Where it is reached from outside its cluster: IP addresses or names of its load balancer, and its external IPs. */
  readonly externalAddresses?: readonly string[];
  /** Present and true where callers use endpoints on their own node alone (Kubernetes' `internalTrafficPolicy: Local`). */
  readonly isNodeLocal?: true;
  readonly resolution: Resolution;
  readonly location: 'MESH_INTERNAL' | 'MESH_EXTERNAL';
  /** SANs accepted from its endpoints' certificates. */
  readonly subjectAltNames?: readonly string[];
  /** RFC 3339; decides which of two conflicting services is older. */
  readonly createdAt?: string;
}

/** `namespace/hostname`. */
export type ServiceKey = string;

/** The key under which projections keep a service: a hostname may exist in several namespaces (ServiceEntry). */
export function serviceKey(service: { readonly namespace: string; readonly hostname: string }): ServiceKey {
  return `${service.namespace}/${service.hostname}`;
}

/** Whether an endpoint may be given traffic. `unhealthy` endpoints are left out of EDS; `draining` finishes what it has. */
export type Health = 'healthy' | 'unhealthy' | 'draining';

/** One instance of one service. */
export interface Endpoint {
  /** Unique within its service and source, stable while the instance lives: a pod's, allocation's or entry's name. */
  readonly id: string;
  readonly hostname: string;
  readonly namespace: string;
  readonly platform: string;
  readonly clusterId?: string;
  /** IP address, DNS name, or `unix:///path`. */
  readonly address: string;
  /** Endpoint port by the service port's name. A service port that is absent here has no instance on this endpoint. */
  readonly ports: Readonly<Record<string, number>>;
  /** The workload's labels: subsets select on them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly health: Health;
  /** Load-balancing weight, 1 and up; absent means 1. */
  readonly weight?: number;
  /** `region/zone/subzone`. */
  readonly locality?: string;
  /** Network id: endpoints on another network are reached through its gateway. */
  readonly network?: string;
  readonly serviceAccount?: string;
  /** Name of the workload (pod, allocation, container, WorkloadEntry) it runs in. */
  readonly workload?: string;
  /** Kubernetes' name of the machine it runs on. */
  readonly nodeName?: string;
}

/** A running unit that may have a sidecar: pod, allocation, container, VM. Selected by ServiceEntry.workloadSelector. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly platform: string;
  readonly clusterId?: string;
  readonly addresses: readonly string[];
  /** Container ports by name, for services whose targetPort is a name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly health: Health;
  readonly serviceAccount?: string;
  readonly locality?: string;
  readonly network?: string;
  /** RFC 3339. */
  readonly createdAt?: string;
}

/** A declarative resource, such as a VirtualService. `spec` has passed its kind's validation; mesh/config/schemas/ has the types. */
export interface ConfigResource<Spec = unknown> {
  /** As written, e.g. `networking.istio.io/v1beta1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339; first applied, or what the platform says. Older resources win conflicts, as in Istio. */
  readonly createdAt?: string;
  readonly spec: Spec;
}

/** `Kind/namespace/name`. */
export type ConfigKey = string;

/** The key under which the config store keeps a resource. */
export function configKey(resource: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): ConfigKey {
  return `${resource.kind}/${resource.namespace}/${resource.name}`;
}
