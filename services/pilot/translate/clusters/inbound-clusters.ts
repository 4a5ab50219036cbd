// Clusters that hand inbound traffic to the application: one a port that the proxy serves, or one an ingress listener.
import { isIP } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import type { Service } from '../../../../events/model.ts';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { ConnectionPoolSettings } from '../../../../mesh/config/schemas/destination-rule.ts';
import type { IstioIngressListener } from '../../../../mesh/config/schemas/sidecar.ts';
import { destinationRuleOf, effectivePolicy, type MergedRule } from '../destination-rules.ts';
import { endpointAddress } from '../endpoints/lb-endpoint.ts';
import { endpointPort } from '../endpoints/load-assignment.ts';
import { keepsHeaderCase } from '../listeners/header-case.ts';
import type { Memo } from '../memo.ts';
import { inboundClusterName } from '../names.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import { durationOfMs } from '../routes/duration.ts';
import { isHttp2, type ListenerPortProtocol, parsePortProtocol } from '../routes/protocol.ts';
import { compareAge } from '../visibility.ts';
import { clusterMetadata } from './cluster-metadata.ts';
import { applyConnectionPool } from './connection-pool.ts';
import { inboundBindConfig } from './fixed-clusters.ts';
import { poolWithDefaults } from './mesh-defaults.ts';
import { applyProtocolOptions, upstreamHttpVersion } from './protocol-options.ts';
import { type StatNameParts, statName } from './stat-name.ts';

/** Where applications listen when nothing else is said and traffic is not intercepted. */
const localApplication = '127.0.0.1';
const localApplicationIpv6 = '::1';

/**
 * How often Envoy forgets addresses that were not called: Istio's, about 292 years. Envoy's 5 s would close idle connections to the
 * application, of which there is but one.
 */
const cleanupSeconds = 9_223_372_035n;

/** The sidecar's inbound clusters in port order; a router has none. */
export function inboundClusters(scope: ProxyScope, memo: Memo): readonly Cluster[] {
  if (scope.context.type === 'router') return [];
  const served = scope.ingress === undefined ? servedPorts(scope, memo) : ingressPorts(scope, scope.ingress);
  return [...served.values()].sort((a, b) => a.port - b.port).map((port) => inboundCluster(port, scope));
}

interface ServedPort {
  /** The port in the cluster's name. */
  readonly port: number;
  /** The service's, or the listener's. */
  readonly servicePort: { readonly name: string; readonly port: number };
  readonly protocol: ListenerPortProtocol;
  readonly services: Service[];
  /** The rule that shaped it. */
  readonly rule: MergedRule | undefined;
  readonly pool: ConnectionPoolSettings | undefined;
  /** Where the application is; undefined: where the traffic was going. */
  readonly target: { readonly address: string; readonly port: number } | undefined;
}

/** By port on the endpoint; services that share one are named in its metadata, and the oldest decides the rest. */
function servedPorts(scope: ProxyScope, memo: Memo): ReadonlyMap<number, ServedPort> {
  const served = new Map<number, ServedPort>();
  const oldestFirst = [...scope.instances].sort((a, b) => compareAge(a.service, b.service));
  for (const { service, endpoint } of oldestFirst) {
    for (const servicePort of service.ports) {
      const port = endpointPort(endpoint, servicePort);
      if (port === undefined || servicePort.protocol === 'UDP') continue;
      const known = served.get(port);
      if (known !== undefined) {
        if (!known.services.includes(service)) known.services.push(service);
        continue;
      }
      const rule = ruleOf(scope, service, memo);
      const ofRule = effectivePolicy(rule, undefined, servicePort.port).connectionPool;
      const pool = scope.sidecar?.spec.inboundConnectionPool ?? ofRule;
      const isDirect = intercepts(scope) && scope.snapshot.mesh.inboundTrafficPolicy !== 'LOCALHOST';
      const address = targetAddress(localApplication, scope.context.addresses);
      const target = isDirect ? undefined : { address, port };
      const { protocol } = servicePort;
      served.set(port, { port, servicePort, protocol, services: [service], rule, pool, target });
    }
  }
  return served;
}

/**
 * The rule with limits that are meant for a service's clients: they hold for its own sidecars too, or the default would cap what
 * clients may send.
 */
function ruleOf(scope: ProxyScope, service: Service, memo: Memo): MergedRule | undefined {
  const { snapshot, context } = scope;
  const rule = destinationRuleOf({ snapshot, context, service, memo, isInbound: true });
  return rule?.trafficPolicy === undefined ? undefined : rule;
}

function ingressPorts(scope: ProxyScope, listeners: readonly IstioIngressListener[]): ReadonlyMap<number, ServedPort> {
  const served = new Map<number, ServedPort>();
  for (const listener of listeners) {
    const port = listener.port.number ?? 0;
    if (port === 0 || served.has(port)) continue;
    const services = scope.instances
      .map(({ service }) => service)
      .filter((service) => service.ports.some((servicePort) => servicePort.port === port));
    const pool = listener.connectionPool ?? scope.sidecar?.spec.inboundConnectionPool;
    const target = ingressTarget(scope, listener.defaultEndpoint ?? '', port);
    const protocol = parsePortProtocol(listener.port.protocol);
    const servicePort = { name: listener.port.name ?? '', port };
    served.set(port, { port, servicePort, protocol, services, rule: undefined, pool, target });
  }
  return served;
}

/** `defaultEndpoint` is `ADDRESS:PORT` or `unix:///PATH`. */
function ingressTarget(scope: ProxyScope, endpoint: string, port: number): ServedPort['target'] {
  if (endpoint.startsWith('unix:')) return { address: endpoint, port: 0 };
  if (endpoint === '') return intercepts(scope) ? undefined : { address: localApplication, port };
  const colon = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, colon).replace(/^\[|\]$/g, '');
  return { address: targetAddress(host, scope.context.addresses), port: Number(endpoint.slice(colon + 1)) };
}

/** `0.0.0.0` and `::` are the proxy's own address of that version of IP, loopback without one; loopback is of a version that the proxy has. */
function targetAddress(host: string, own: readonly string[]): string {
  const has = (version: 4 | 6) => own.find((address) => isIP(address) === version);
  switch (host) {
    case '0.0.0.0':
      return has(4) ?? localApplication;
    case '::':
      return has(6) ?? localApplicationIpv6;
    case localApplication:
      return has(6) && !has(4) ? localApplicationIpv6 : localApplication;
    case localApplicationIpv6:
      return has(4) && !has(6) ? localApplication : localApplicationIpv6;
    default:
      return host;
  }
}

function intercepts(scope: ProxyScope): boolean {
  return scope.context.interceptionMode !== 'NONE';
}

/** What statistics call an ingress listener's traffic that no service names: its Sidecar. */
function sidecarAsService({ sidecar }: ProxyScope): StatNameParts['service'] {
  const { name = '', namespace = '' } = sidecar ?? {};
  return { hostname: `${name}.${namespace}`, name, namespace, platform: '' };
}

/** Connections to a socket file or from loopback to loopback are not intercepted; all others to the workload's own address are. */
function isLocal(target: ServedPort['target']): boolean {
  if (target === undefined) return false;
  return target.address.startsWith('unix:') || [localApplication, localApplicationIpv6].includes(target.address);
}

function inboundCluster(served: ServedPort, scope: ProxyScope): Cluster {
  const { mesh } = scope.snapshot;
  const name = inboundClusterName(served.port);
  const cluster = create(ClusterSchema, { name, connectTimeout: durationOfMs(mesh.connectTimeoutMs) });
  if (served.target === undefined) {
    cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST };
    cluster.lbPolicy = Cluster_LbPolicy.CLUSTER_PROVIDED;
    cluster.cleanupInterval = create(DurationSchema, { seconds: cleanupSeconds });
  } else {
    cluster.clusterDiscoveryType = { case: 'type', value: Cluster_DiscoveryType.STATIC };
    const address = endpointAddress(served.target.address, served.target.port);
    cluster.loadAssignment = create(ClusterLoadAssignmentSchema, {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address } } }] }],
    });
  }
  if (intercepts(scope) && !isLocal(served.target)) cluster.upstreamBindConfig = inboundBindConfig(scope.context);
  const pool = poolWithDefaults(served.pool, mesh);
  applyConnectionPool(cluster, pool);
  if (mesh.inboundClusterStatName)
    cluster.altStatName = statName(mesh.inboundClusterStatName, {
      service: served.services[0] ?? sidecarAsService(scope),
      port: served.servicePort,
      subset: '',
      targetPort: served.port,
    });
  const version = upstreamHttpVersion({
    isHttp2Port: isHttp2(served.protocol),
    isDetected: served.protocol === 'Unsupported',
    // h2UpgradePolicy is about clients' connections to the service, not about its sidecar's to the application.
    http: pool?.http?.useClientProtocol === true ? { useClientProtocol: true } : undefined,
  });
  applyProtocolOptions(cluster, { version, pool, keepsHeaderCase: keepsHeaderCase(mesh) });
  if (served.services.length > 0) cluster.metadata = clusterMetadata({ services: served.services, rule: served.rule });
  return cluster;
}
