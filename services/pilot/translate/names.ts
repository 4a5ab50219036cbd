// Istio's generated names, byte for byte: EnvoyFilters, dashboards and people's habits match on them.

/** Where traffic flows, seen from the proxy. */
export type TrafficDirection = 'outbound' | 'inbound';

/** Suffix that short hostnames in configuration get: Istio's default DNS domain of a cluster. */
export const defaultDomainSuffix = 'cluster.local';

/** Cluster that drops everything: no endpoints. */
export const blackHoleCluster = 'BlackHoleCluster';
/** Cluster that sends traffic where it was going before it was intercepted. */
export const passthroughCluster = 'PassthroughCluster';
/** As `passthroughCluster`, for inbound IPv4 traffic to ports that no service names. */
export const inboundPassthroughCluster = 'InboundPassthroughCluster';

/** Listener that receives all intercepted outbound traffic and hands it to the listener of the original destination. */
export const virtualOutboundListener = 'virtualOutbound';
/** Listener that receives all intercepted inbound traffic. */
export const virtualInboundListener = 'virtualInbound';
/** Port of `virtualOutbound` (Istio's ProxyListenPort). */
export const virtualOutboundPort = 15001;
/** Port of `virtualInbound` (Istio's ProxyInboundListenPort). */
export const virtualInboundPort = 15006;
/** Source address that inbound connections to the application carry, so that interception does not catch them again. */
export const inboundSourceAddress = '127.0.0.6';
/** As `inboundSourceAddress`, for IPv6. */
export const inboundSourceAddressIpv6 = '::6';

/**
 * Name of a cluster, and of its ClusterLoadAssignment (Istio's BuildSubsetKey):
 * `outbound|9080|v1|reviews.default.svc.cluster.local`.
 */
export function subsetKey(direction: TrafficDirection, port: number, subset: string, hostname: string): string {
  return `${direction}|${port}|${subset}|${hostname}`;
}

/** The parts of a `subsetKey`, or undefined when `name` is not one. */
export function parseSubsetKey(
  name: string,
): { direction: TrafficDirection; port: number; subset: string; hostname: string } | undefined {
  // The SNI form of it has another separator.
  const [direction, port, subset, hostname, ...rest] = name.split(/^(?:out|in)bound_\./.test(name) ? '_.' : '|');
  if (rest.length > 0 || subset === undefined || hostname === undefined) return undefined;
  if ((direction !== 'outbound' && direction !== 'inbound') || !/^\d{1,5}$/.test(port ?? '')) return undefined;
  return { direction, port: Number(port), subset, hostname };
}

/** Name of the cluster that hands inbound traffic to the application's port: `inbound|9080||`. */
export function inboundClusterName(port: number): string {
  return subsetKey('inbound', port, '', '');
}

/** Name of a cluster as SNI (Istio's BuildDNSSrvSubsetKey): `outbound_.9080_.v1_.reviews.default.svc.cluster.local`. */
export function dnsSrvSubsetKey(direction: TrafficDirection, port: number, subset: string, hostname: string): string {
  return `${direction}_.${port}_.${subset}_.${hostname}`;
}

/** Name of a listener bound to an address or a Unix socket, and a port: `0.0.0.0_9080`, `unix:///run/egress.sock_0`. */
export function listenerName(bind: string, port: number): string {
  return `${bind}_${port}`;
}

/** Full hostname of a name in a resource's spec: names without a dot belong to the resource's namespace (Istio's ResolveShortnameToFQDN). */
export function resolveHostname(host: string, namespace: string, domainSuffix: string = defaultDomainSuffix): string {
  if (host === '*' || host.includes('.')) return host;
  return namespace === '' ? host : `${host}.${namespace}.svc.${domainSuffix}`;
}

/** Compares as JavaScript orders strings, by UTF-16 code unit: the same on every machine. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether every name that `host` stands for is one that `pattern` stands for; either may start with `*` (Istio's Name.SubsetOf). */
export function isHostWithin(host: string, pattern: string): boolean {
  if (!pattern.startsWith('*')) return host === pattern;
  const suffix = pattern.slice(1);
  return host.startsWith('*') ? host.slice(1).endsWith(suffix) : host.endsWith(suffix);
}
