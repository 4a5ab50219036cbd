// Hosts that the proxy looks up when a request names them: Envoy's dynamic forward proxy, for DYNAMIC_DNS and ALLOW_ANY_DYNAMIC_DNS.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Service } from '../../../events/model.ts';
import {
  type Cluster,
  Cluster_CustomClusterTypeSchema,
  Cluster_DnsLookupFamily,
} from '../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { type Filter, FilterSchema } from '../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ClusterConfigSchema } from '../../../gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import { DnsCacheConfigSchema } from '../../../gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js';
import { FilterConfigSchema } from '../../../gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { FilterConfigSchema as SniFilterConfigSchema } from '../../../gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js';
import type { Memo } from './memo.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { isWildcard } from './routes/hostname.ts';

/** Whose addresses a proxy looks up itself; undefined: nobody's. */
export type NameLookUps = Cluster_DnsLookupFamily | undefined;

/** Whether requests for the service name hosts that are looked up. */
export function isLookedUp({ hostname, resolution }: Pick<Service, 'hostname' | 'resolution'>): boolean {
  return resolution === 'DYNAMIC_DNS' && isWildcard(hostname);
}

/** What a proxy's connection managers need. */
export function nameLookUps(scope: ProxyScope, memo: Memo): NameLookUps {
  const isAny = scope.outboundTrafficPolicy === 'ALLOW_ANY_DYNAMIC_DNS' && scope.context.type !== 'router';
  const isUsed = isAny || memo.get('name-look-ups', [scope.egress], () => anyLookedUp(scope));
  return isUsed ? lookUpFamily(scope.context.isIpv6Only) : undefined;
}

function anyLookedUp({ egress }: ProxyScope): boolean {
  return egress.some(({ services }) => services.some(isLookedUp));
}

/** Names are looked up for IPv6 addresses where the proxy has no others, else for IPv4 ones alone: Istio's default for proxies that have both. */
export function lookUpFamily(isIpv6Only: boolean | undefined): Cluster_DnsLookupFamily {
  return isIpv6Only === true ? Cluster_DnsLookupFamily.V6_ONLY : Cluster_DnsLookupFamily.V4_ONLY;
}

/** One cache for a proxy: what a filter looked up its clusters find, whichever service's they are. Envoy's bound of 1,024 hosts holds. */
function dnsCache(family: Cluster_DnsLookupFamily) {
  return create(DnsCacheConfigSchema, { name: 'dynamic_forward_proxy', dnsLookupFamily: family });
}

/** Makes the cluster's endpoints those that its requests name; which names its TLS asks for and accepts its protocol options say, as elsewhere. */
export function applyForwardProxy(cluster: Cluster, family: Cluster_DnsLookupFamily): void {
  const config = create(ClusterConfigSchema, {
    clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache(family) },
    // Else Envoy takes no plaintext, and no names of the rule's own.
    allowInsecureClusterOptions: true,
  });
  cluster.clusterDiscoveryType = {
    case: 'clusterType',
    value: create(Cluster_CustomClusterTypeSchema, {
      name: 'envoy.clusters.dynamic_forward_proxy',
      typedConfig: anyPack(ClusterConfigSchema, config),
    }),
  };
}

/** Looks up what Host or :authority names, before the router; requests to other clusters pass it by. */
export function hostLookUpFilter(family: Cluster_DnsLookupFamily): HttpFilter {
  const config = create(FilterConfigSchema, {
    implementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache(family) },
  });
  return create(HttpFilterSchema, {
    name: 'envoy.filters.http.dynamic_forward_proxy',
    configType: { case: 'typedConfig', value: anyPack(FilterConfigSchema, config) },
  });
}

/** Looks up what SNI names, at the service's port. */
export function sniLookUpFilter(family: Cluster_DnsLookupFamily, port: number): Filter {
  const config = create(SniFilterConfigSchema, {
    dnsCacheConfig: dnsCache(family),
    portSpecifier: { case: 'portValue', value: port },
  });
  return create(FilterSchema, {
    name: 'envoy.filters.network.sni_dynamic_forward_proxy',
    configType: { case: 'typedConfig', value: anyPack(SniFilterConfigSchema, config) },
  });
}
