// Everything that security policies ask of one proxy's inbound side, ready for the listeners that carry it out.
import type { ConfigResource } from '../../../../events/model.ts';
import type { AccessLog } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { Filter } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import type {
  HttpFilter,
  ResponseMapper,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { PeerAuthenticationSpec } from '../../../../mesh/config/schemas/peer-authentication.ts';
import type { RequestAuthenticationSpec } from '../../../../mesh/config/schemas/request-authentication.ts';
import { subsetKey } from '../names.ts';
import { policyFilters } from '../policy/policy-filters.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import type { Lookups } from '../routes/lookups.ts';
import { banFilters } from './ban-filters.ts';
import { type AuthorizerTarget, customHttpFilters, customNetworkFilters } from './custom-authorization.ts';
import { type Federation, federationOf } from './federation.ts';
import { jwtFilter } from './jwt-filter.ts';
import { type MutualTlsModes, mutualTlsModes } from './mutual-tls-mode.ts';
import { rbacHttpFilters, rbacNetworkFilters } from './rbac-filters.ts';
import { type AuthorizationPolicy, actionOf, policiesOf } from './select-policies.ts';

/** See the file's first line. The same object while nothing it was made from changes. */
export interface WorkloadSecurity {
  /** Come before all other HTTP filters: CUSTOM first, as its authorizer may be who brings the token; then tokens, AUDIT, DENY, ALLOW. */
  readonly httpFilters: readonly HttpFilter[];
  /** What clients are told where the policies' own filters refuse. */
  readonly denialReplies: readonly ResponseMapper[];
  /** Access logs that policies ask for. */
  readonly reportLogs: readonly AccessLog[];
  /** The same of TCP connections. */
  readonly tcpReportLogs: readonly AccessLog[];
  /** Come before the TCP proxy. */
  readonly networkFilters: readonly Filter[];
  /** Those of them that are not Istio's policies. */
  readonly ownNetworkFilters: readonly Filter[];
  /** Come first of all on chains of the mesh's mutual TLS: connections of banned identities end there. */
  readonly banFilters: readonly Filter[];
  /** Other trust domains whose workloads are known; undefined: none. */
  readonly federation: Federation | undefined;
  readonly modes: MutualTlsModes;
  /** Whether the workload has an SVID to answer TLS with. */
  readonly hasIdentity: boolean;
}

const noSecurity: WorkloadSecurity = {
  httpFilters: [],
  denialReplies: [],
  reportLogs: [],
  tcpReportLogs: [],
  networkFilters: [],
  ownNetworkFilters: [],
  banFilters: [],
  federation: undefined,
  modes: mutualTlsModes([], { rootNamespace: '', namespace: '', labels: {} }),
  hasIdentity: false,
};

/** The security of the proxy of `scope`: Istio's policies first, then ours. */
export function workloadSecurity(lookups: Lookups): WorkloadSecurity {
  const istio = istioSecurity(lookups);
  const policies = policyFilters(lookups);
  const { filters, logs, networkFilters } = policies;
  if (filters.length + logs.length + networkFilters.length === 0) return istio;
  return lookups.memo.get('with-policies', [istio, policies], () => ({
    ...istio,
    httpFilters: [...istio.httpFilters, ...policies.filters],
    denialReplies: policies.replies,
    reportLogs: policies.logs,
    tcpReportLogs: policies.tcpLogs,
    networkFilters: [...istio.networkFilters, ...policies.networkFilters],
    ownNetworkFilters: policies.networkFilters,
  }));
}

function istioSecurity({ scope, memo }: Lookups): WorkloadSecurity {
  const { snapshot, context } = scope;
  const { config, mesh, keySets, bans } = snapshot;
  const policies = appliedPolicies(scope, memo);
  const peer = config.list<PeerAuthenticationSpec>('PeerAuthentication');
  const hasIdentity = context.identity !== undefined;
  if (policies.authorization.length + policies.authentication.length + peer.length === 0 && !hasIdentity)
    return noSecurity;
  const { type, namespace, labels } = context;
  const isRouter = type === 'router';
  const federation = hasIdentity ? federationOf(snapshot, memo) : undefined;
  const targets = memo.stable('authorizers', context, authorizers(policies.authorization, { scope, memo }));
  const authorization = memo.stable('authorization', context, policies.authorization);
  const authentication = memo.stable('authentication', context, policies.authentication);
  const keys = authentication.length > 0 ? keySets : undefined;
  return memo.get(
    'workload-security',
    [context, authorization, authentication, targets, peer, mesh, keys, hasIdentity ? bans : undefined, federation],
    (): WorkloadSecurity => {
      const find = (name: string) => targets.find(({ provider }) => provider.name === name);
      const custom = authorization.filter((policy) => actionOf(policy) === 'CUSTOM');
      const tokens = jwtFilter(authentication, { keySets, isRouter });
      return {
        denialReplies: [],
        reportLogs: [],
        tcpReportLogs: [],
        httpFilters: [
          ...customHttpFilters(custom, { mesh, find }),
          ...(tokens ? [tokens] : []),
          ...rbacHttpFilters(authorization, mesh),
        ],
        networkFilters: [...customNetworkFilters(custom, { mesh, find }), ...rbacNetworkFilters(authorization, mesh)],
        ownNetworkFilters: [],
        federation,
        banFilters: hasIdentity ? banFilters(bans, mesh) : [],
        modes: mutualTlsModes(peer, { rootNamespace: mesh.rootNamespace, namespace, labels }),
        hasIdentity,
      };
    },
  );
}

interface AppliedPolicies {
  readonly authorization: readonly AuthorizationPolicy[];
  readonly authentication: readonly ConfigResource<RequestAuthenticationSpec>[];
}

/** Filtered again only when policies of the kind change, not with each snapshot. */
function appliedPolicies({ snapshot, context }: ProxyScope, memo: Lookups['memo']): AppliedPolicies {
  const { config, mesh } = snapshot;
  const lists = [config.list('AuthorizationPolicy'), config.list('RequestAuthentication')];
  return memo.get('applied-policies', [context, ...lists, mesh.rootNamespace], () => ({
    authorization: policiesOf(snapshot, 'AuthorizationPolicy', context),
    authentication: policiesOf(snapshot, 'RequestAuthentication', context),
  }));
}

/** The providers that the policies name, as far as the proxy can call them; the same objects while they do not change. */
function authorizers(policies: readonly AuthorizationPolicy[], { scope, memo }: Lookups): readonly AuthorizerTarget[] {
  const names = new Set(
    policies.flatMap((policy) => (actionOf(policy) === 'CUSTOM' ? (policy.spec.provider?.name ?? []) : [])),
  );
  if (names.size === 0) return [];
  const providers = (scope.snapshot.mesh.extensionProviders ?? []).filter(({ name }) => names.has(name));
  return providers.flatMap((provider) => {
    const settings = provider.envoyExtAuthzHttp ?? provider.envoyExtAuthzGrpc;
    if (settings === undefined) return [];
    const [namespace, host] = settings.service.includes('/')
      ? settings.service.split('/')
      : [undefined, settings.service];
    // Envoy refuses a filter that names a cluster it does not have.
    const service = scope.egress
      .flatMap(({ services }) => services)
      .find(
        (candidate) =>
          candidate.hostname === host &&
          (namespace === undefined || candidate.namespace === namespace) &&
          candidate.ports.some(({ port }) => port === settings.port),
      );
    if (service === undefined) return [];
    const cluster = subsetKey('outbound', settings.port, '', service.hostname);
    return [memo.get('authorizer', [provider, service], () => ({ provider, hostname: service.hostname, cluster }))];
  });
}

/** Names of the authorizers that the proxy of `scope` can call: what policies with other providers match is denied. */
export function reachableAuthorizers({ scope, memo }: Lookups): ReadonlySet<string> {
  const { authorization } = appliedPolicies(scope, memo);
  return new Set(authorizers(authorization, { scope, memo }).map(({ provider }) => provider.name));
}

/** What of its policies a proxy can't be held to as written, for people. */
export function securityWarnings({ scope, memo }: Lookups): readonly string[] {
  const { context, snapshot } = scope;
  const { authorization } = appliedPolicies(scope, memo);
  const reachable = reachableAuthorizers({ scope, memo });
  const custom = authorization.flatMap((policy) => {
    const name = policy.spec.provider?.name ?? '';
    if (actionOf(policy) !== 'CUSTOM' || reachable.has(name)) return [];
    const why = `provider ${JSON.stringify(name)} is not in the mesh configuration's extensionProviders, or its service is not visible`;
    return [`AuthorizationPolicy/${policy.namespace}/${policy.name}: what it matches is denied: ${why}`];
  });
  const { modes, hasIdentity } = workloadSecurity({ scope, memo });
  const isStrict = modes.mode === 'STRICT' || [...modes.ports.values()].includes('STRICT');
  if (hasIdentity || !isStrict || context.type === 'router') return custom;
  const why = 'the proxy has no identity: connections to its STRICT ports are refused';
  return [...custom, `PeerAuthentication in ${context.namespace} or ${snapshot.mesh.rootNamespace}: ${why}`];
}
