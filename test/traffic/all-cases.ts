// Every traffic case, by area: what the tests run and the reference lists.
import type { TrafficCase } from './case.ts';
import { agentCases } from './cases/agents.ts';
import { connectionPoolCases } from './cases/connection-pool.ts';
import { connectionSettingCases } from './cases/connection-settings.ts';
import { destinationRuleCases } from './cases/destination-rule.ts';
import { dynamicDnsCases } from './cases/dynamic-dns.ts';
import { envoyFilterCases } from './cases/envoy-filter.ts';
import { envoyFilterListenerCases } from './cases/envoy-filter-listeners.ts';
import { envoyFilterOperationCases } from './cases/envoy-filter-operations.ts';
import { envoyFilterProxyCases } from './cases/envoy-filter-proxies.ts';
import { envoyFilterRouteCases } from './cases/envoy-filter-routes.ts';
import { extAuthzCases } from './cases/ext-authz.ts';
import { gatewayCases } from './cases/gateway.ts';
import { gatewayCredentialCases } from './cases/gateway-credentials.ts';
import { gatewayHostCases } from './cases/gateway-hosts.ts';
import { gradualCases } from './cases/gradual.ts';
import { httpChangeCases } from './cases/http-change.ts';
import { httpMatchCases } from './cases/http-match.ts';
import { httpMatchRuleCases } from './cases/http-match-rules.ts';
import { httpPolicyCases } from './cases/http-policy.ts';
import { httpRetryCases } from './cases/http-retries.ts';
import { httpRouteCases } from './cases/http-route.ts';
import { listenerLogCases } from './cases/listener-log.ts';
import { loadBalancingCases } from './cases/load-balancing.ts';
import { localityCases } from './cases/locality.ts';
import { meshConfigCases } from './cases/mesh-config.ts';
import { networkCases } from './cases/networks.ts';
import { outlierDetectionCases } from './cases/outlier-detection.ts';
import { protocolStreamCases } from './cases/protocol-streams.ts';
import { protocolCases } from './cases/protocols.ts';
import { providerCallCases } from './cases/provider-calls.ts';
import { providerResourceCases } from './cases/provider-resources.ts';
import { providerTracerCases } from './cases/provider-tracers.ts';
import { providerCases } from './cases/providers.ts';
import { proxyConfigCases } from './cases/proxy-config.ts';
import { proxyHeaderCases } from './cases/proxy-headers.ts';
import { serverTlsCases } from './cases/server-tls.ts';
import { serviceEntryCases } from './cases/service-entry.ts';
import { sidecarCases } from './cases/sidecar.ts';
import { tlsOriginationCases } from './cases/tls-origination.ts';
import { workloadGroupCases } from './cases/workload-group.ts';
import { atInbound } from './inbound-pools.ts';
import { asMeshDefaults } from './mesh-defaults.ts';
import { atOtherLevels } from './policy-levels.ts';

/** Cases that are not run at every level of a policy. */
const atOneLevel = [
  // They take seconds: once is enough.
  'loadBalancer.simple LEAST_REQUEST avoids the busy instance',
  // It begins without a rule.
  'locality: with outlier detection the nearest first, without it all',
  // As in Istio, these settings of TCP proxies are read from the host's policy alone (the hash: from the subset's, too).
  'loadBalancer.consistentHash.useSourceIp for TCP',
  'connectionPool.tcp.idleTimeout',
  'connectionPool.tcp.maxConnectionDuration for TCP',
];

/** Cases by the name of their area, which is their file's. */
export const areas: Readonly<Record<string, readonly TrafficCase[]>> = {
  'http-match': httpMatchCases,
  'http-match-rules': httpMatchRuleCases,
  'http-route': httpRouteCases,
  'http-change': httpChangeCases,
  'http-retries': httpRetryCases,
  'http-policy': httpPolicyCases,
  locality: localityCases,
  'load-balancing': loadBalancingCases,
  'connection-pool': connectionPoolCases,
  'outlier-detection': outlierDetectionCases,
  'destination-rule': destinationRuleCases,
  gateway: gatewayCases,
  'gateway-hosts': gatewayHostCases,
  'server-tls': serverTlsCases,
  'gateway-credentials': gatewayCredentialCases,
  gradual: gradualCases,
  'tls-origination': tlsOriginationCases,
  'policy-levels': atOtherLevels(
    [
      ...loadBalancingCases,
      ...localityCases,
      ...connectionPoolCases,
      ...outlierDetectionCases,
      ...destinationRuleCases,
      ...tlsOriginationCases,
    ],
    atOneLevel,
  ),
  protocols: protocolCases,
  'protocol-streams': protocolStreamCases,
  'service-entry': serviceEntryCases,
  'workload-group': workloadGroupCases,
  agents: agentCases,
  networks: networkCases,
  'dynamic-dns': dynamicDnsCases,
  sidecar: sidecarCases,
  'inbound-pools': atInbound(connectionPoolCases, [
    'connectionPool: one connection and one pending request',
    'connectionPool.http.http2MaxRequests',
    'connectionPool.http.useClientProtocol',
    'connectionPool.http.maxRequestsPerConnection',
    'connectionPool.http.idleTimeout closes what is idle',
    'connectionPool.http.maxConcurrentStreams',
    'connectionPool.http.http2KeepAlive: who answers no ping is given up',
    'connectionPool.tcp.idleTimeout closes what is idle of HTTP, too',
    'connectionPool.tcp.maxConnectionDuration for HTTP',
  ]),
  'envoy-filter': envoyFilterCases,
  'envoy-filter-proxies': envoyFilterProxyCases,
  'envoy-filter-listeners': envoyFilterListenerCases,
  'envoy-filter-operations': envoyFilterOperationCases,
  'envoy-filter-routes': envoyFilterRouteCases,
  'ext-authz': extAuthzCases,
  providers: providerCases,
  'provider-calls': providerCallCases,
  'provider-resources': providerResourceCases,
  'provider-tracers': providerTracerCases,
  'listener-log': listenerLogCases,
  'mesh-config': meshConfigCases,
  'proxy-headers': proxyHeaderCases,
  'connection-settings': connectionSettingCases,
  'proxy-config': proxyConfigCases,
  'mesh-defaults': asMeshDefaults(
    [...connectionPoolCases, ...outlierDetectionCases, ...localityCases, ...httpRetryCases],
    // `attempts: 0` is a rule's way to have none.
    [...atOneLevel, 'retries.attempts 0 switches them off'],
  ),
};
