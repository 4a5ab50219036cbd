// Action CUSTOM: requests that a rule matches are put to an external authorizer (MeshConfig.extensionProviders) by Envoy's ext_authz.
import { create } from '@bufbuild/protobuf';
import { ApiVersion } from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import type { Filter } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import {
  AuthorizationRequestSchema,
  AuthorizationResponseSchema,
  BufferSettingsSchema,
  type ExtAuthz,
  ExtAuthzSchema,
  HttpServiceSchema,
} from '../../../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { ExtAuthzSchema as NetworkExtAuthzSchema } from '../../../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { type MetadataMatcher, MetadataMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/metadata_pb.js';
import { type ListStringMatcher, ListStringMatcherSchema } from '../../../../gen/envoy/type/matcher/v3/string_pb.js';
import type { StatusCode } from '../../../../gen/envoy/type/v3/http_status_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type {
  ExtAuthzGrpcProvider,
  ExtAuthzHttpProvider,
  ExtensionProvider,
} from '../../../../mesh/config/schemas/extension-provider.ts';
import { compareNames } from '../names.ts';
import { durationOf, durationOfMs } from '../routes/duration.ts';
import { stringValue } from './claim-matchers.ts';
import { httpFilter, httpRbac, httpRbacFilter, networkFilter, networkRbac, networkRbacFilter } from './rbac-filters.ts';
import { type RuleSets, rbacOf, ruleSets } from './rbac-rules.ts';
import type { AuthorizationPolicy } from './select-policies.ts';
import { wildcardMatcher } from './string-matchers.ts';

/** A provider and the cluster that reaches it. */
export interface AuthorizerTarget {
  readonly provider: ExtensionProvider;
  readonly hostname: string;
  readonly cluster: string;
}

/** Finds a provider by name: undefined when it is not configured, is no authorizer, or its service is not there to be called. */
export type FindAuthorizer = (name: string) => AuthorizerTarget | undefined;

/** What CUSTOM policies are lowered with. */
export interface CustomOptions {
  readonly mesh: MeshConfig;
  readonly find: FindAuthorizer;
}

const metadataPrefix = 'istio_ext_authz_';

/** For each provider: an RBAC filter that notes which rule matches, and ext_authz for the requests so noted. */
export function customHttpFilters(
  policies: readonly AuthorizationPolicy[],
  options: CustomOptions,
): readonly HttpFilter[] {
  return byProvider(policies).flatMap(([name, own]) => {
    const target = options.find(name);
    if (target === undefined) return [httpRbacFilter({ rules: denied(own, 'http', options.mesh) }, '')];
    const sets = noting(own, name, 'http', options.mesh);
    if (sets === undefined) return [];
    const authorizer = create(ExtAuthzSchema, {
      ...httpAuthorizer(target),
      filterEnabledMetadata: noted(httpRbac, name),
    });
    return [
      httpRbacFilter(sets, metadataPrefix),
      httpFilter('envoy.filters.http.ext_authz', ExtAuthzSchema, authorizer),
    ];
  });
}

/** As `customHttpFilters`, for connections; HTTP authorizers can't be asked about those: their policies say nothing on TCP, as in Istio. */
export function customNetworkFilters(
  policies: readonly AuthorizationPolicy[],
  options: CustomOptions,
): readonly Filter[] {
  return byProvider(policies).flatMap(([name, own]) => {
    const target = options.find(name);
    if (target === undefined) return [networkRbacFilter({ rules: denied(own, 'tcp', options.mesh) }, '')];
    const sets = noting(own, name, 'tcp', options.mesh);
    const grpc = target.provider.envoyExtAuthzGrpc;
    if (grpc === undefined || sets === undefined) return [];
    const authorizer = create(NetworkExtAuthzSchema, {
      statPrefix: 'tcp.',
      failureModeAllow: grpc.failOpen ?? false,
      transportApiVersion: ApiVersion.V3,
      grpcService: grpcService(target, grpc),
      filterEnabledMetadata: noted(networkRbac, name),
    });
    return [
      networkRbacFilter(sets, metadataPrefix),
      networkFilter('envoy.filters.network.ext_authz', NetworkExtAuthzSchema, authorizer),
    ];
  });
}

function byProvider(policies: readonly AuthorizationPolicy[]): (readonly [string, AuthorizationPolicy[]])[] {
  const groups = Map.groupBy(policies, ({ spec }) => spec.provider?.name ?? '');
  return [...groups].sort(([a], [b]) => compareNames(a, b));
}

const prefixOf = (provider: string) => `istio-ext-authz-${provider}-`;

/** Matches are noted by shadow rules, which decide nothing. Dry runs must not ask: nothing can report them. */
function noting(
  policies: readonly AuthorizationPolicy[],
  provider: string,
  protocol: 'http' | 'tcp',
  mesh: MeshConfig,
): RuleSets | undefined {
  const { rules } = ruleSets(policies, { action: 'CUSTOM', protocol, mesh, namePrefix: prefixOf(provider) });
  return rules && { shadowRules: rules };
}

/** What nobody can be asked about is refused. */
function denied(policies: readonly AuthorizationPolicy[], protocol: 'http' | 'tcp', mesh: MeshConfig) {
  const rbac = rbacOf(policies, { action: 'CUSTOM', protocol, mesh, namePrefix: 'istio-ext-authz-' });
  const named = Object.entries(rbac.policies).map(([name, policy]) => [
    `${name}-deny-due-to-bad-CUSTOM-action`,
    policy,
  ]);
  rbac.policies = Object.fromEntries(named) as typeof rbac.policies;
  return rbac;
}

function noted(filter: string, provider: string): MetadataMatcher {
  return create(MetadataMatcherSchema, {
    filter,
    path: [{ segment: { case: 'key', value: `${metadataPrefix}shadow_effective_policy_id` } }],
    value: stringValue(wildcardMatcher(`${prefixOf(provider)}*`)),
  });
}

function httpAuthorizer(target: AuthorizerTarget): ExtAuthz {
  const { envoyExtAuthzHttp: http, envoyExtAuthzGrpc: grpc } = target.provider;
  const settings = http ?? grpc ?? { service: '', port: 0 };
  const { failOpen, clearRouteCache, statusOnError, includeRequestBodyInCheck: body } = settings;
  return create(ExtAuthzSchema, {
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: failOpen ?? false,
    clearRouteCache: clearRouteCache ?? false,
    ...(statusOnError ? { statusOnError: { code: Number(statusOnError) as StatusCode } } : {}),
    ...(body
      ? {
          withRequestBody: create(BufferSettingsSchema, {
            maxRequestBytes: body.maxRequestBytes ?? 0,
            allowPartialMessage: body.allowPartialMessage ?? false,
            packAsBytes: body.packAsBytes ?? false,
          }),
        }
      : {}),
    ...(http ? httpSide(target, http) : { services: { case: 'grpcService', value: grpcService(target, grpc ?? {}) } }),
  });
}

function httpSide({ hostname, cluster }: AuthorizerTarget, http: ExtAuthzHttpProvider) {
  const headers = http.includeRequestHeadersInCheck ?? http.includeHeadersInCheck ?? [];
  const value = create(HttpServiceSchema, {
    pathPrefix: http.pathPrefix ?? '',
    serverUri: {
      uri: `http://${hostname}`,
      httpUpstreamType: { case: 'cluster', value: cluster },
      timeout: timeoutOf(http),
    },
    authorizationRequest: create(AuthorizationRequestSchema, {
      headersToAdd: Object.entries(http.includeAdditionalHeadersInCheck ?? {})
        .sort(([a], [b]) => compareNames(a, b))
        .map(([key, text]) => ({ key, value: text })),
    }),
    authorizationResponse: create(AuthorizationResponseSchema, {
      ...(http.headersToUpstreamOnAllow?.length
        ? { allowedUpstreamHeaders: nameList(http.headersToUpstreamOnAllow) }
        : {}),
      ...(http.headersToDownstreamOnDeny?.length
        ? { allowedClientHeaders: nameList(http.headersToDownstreamOnDeny) }
        : {}),
      ...(http.headersToDownstreamOnAllow?.length
        ? { allowedClientHeadersOnSuccess: nameList(http.headersToDownstreamOnAllow) }
        : {}),
    }),
  });
  return {
    ...(headers.length > 0 ? { allowedHeaders: nameList(headers) } : {}),
    services: { case: 'httpService' as const, value },
  };
}

function grpcService({ cluster, hostname }: AuthorizerTarget, grpc: Pick<ExtAuthzGrpcProvider, 'timeout'>) {
  return {
    // Without an authority it would be the cluster's name, whose `|` may not stand there.
    targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: cluster, authority: hostname } },
    timeout: timeoutOf(grpc),
  };
}

/** As in Istio: long, so that a DestinationRule of the authorizer can say less. */
function timeoutOf({ timeout }: { readonly timeout?: string }) {
  return timeout === undefined ? durationOfMs(600_000) : durationOf(timeout);
}

function nameList(names: readonly string[]): ListStringMatcher {
  return create(ListStringMatcherSchema, {
    patterns: names.filter((name) => name !== '').map((name) => wildcardMatcher(name, { ignoreCase: true })),
  });
}
