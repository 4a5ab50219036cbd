// The forwarding action of a route: destinations and weights, timeout, retries, rewrite, mirrors and hash policy.
import { create } from '@bufbuild/protobuf';
import {
  type Route,
  type RouteAction,
  type RouteAction_RequestMirrorPolicy,
  RouteAction_RequestMirrorPolicySchema,
  RouteActionSchema,
  type WeightedCluster_ClusterWeight,
  WeightedCluster_ClusterWeightSchema,
} from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import type { ConsistentHashLB } from '../../../../mesh/config/schemas/destination-rule.ts';
import type {
  Destination,
  HTTPRetry,
  HTTPRewrite,
  HTTPRoute,
  HTTPRouteDestination,
  Percent,
} from '../../../../mesh/config/schemas/virtual-service.ts';
import { durationOf, durationOfMs } from './duration.ts';
import { hashPolicy } from './hash-policy.ts';
import { headerOperations } from './header-operations.ts';
import { fractionOf, runtimeFraction, wholePercent } from './percent.ts';
import { retryPolicy } from './retry-policy.ts';

/** What is known of destinations. */
export interface DestinationLookup {
  /** Name of the cluster of a destination: `outbound|9080|v1|reviews.default.svc.cluster.local`. */
  clusterOf(destination: Destination): string;
  /** The consistent hash that the destination's DestinationRule sets. */
  consistentHashOf(destination: Destination): ConsistentHashLB | undefined;
  readonly isProxyless: boolean;
  /** Of rules that set none: the mesh's; undefined: Istio's own default. */
  readonly defaultRetries: HTTPRetry | undefined;
  /** A host that is rewritten is kept in x-forwarded-host. */
  readonly hasForwardedHost: boolean;
}

/** The action of a rule with destinations; undefined when none of them can be given traffic. Adds a single destination's header operations to `route`. */
export function routeAction(
  route: Route,
  rule: HTTPRoute,
  lookup: DestinationLookup,
  authority: string | undefined,
): RouteAction | undefined {
  const destinations = rule.route ?? [];
  const action = create(RouteActionSchema);
  setTimeouts(action, rule, lookup.isProxyless);
  setRewrite(action, rule.rewrite);
  // As in Istio, where the rule rewrites anything.
  if (rule.rewrite && lookup.hasForwardedHost) action.appendXForwardedHost = true;
  setAuthority(action, rule.rewrite?.authority || authority);
  action.requestMirrorPolicies = mirrors(rule, lookup);
  const [first] = destinations;
  if (destinations.length === 1 && first !== undefined) setDestination(route, action, first, lookup);
  else {
    const clusters = destinations
      .filter(({ weight }) => (weight ?? 0) > 0)
      .map((destination) => weightedCluster(action, destination, lookup));
    if (clusters.length === 0) return undefined;
    action.clusterSpecifier = create(RouteActionSchema, {
      clusterSpecifier: { case: 'weightedClusters', value: { clusters } },
    }).clusterSpecifier;
  }
  const isHashed =
    destinations.length === 1 && first !== undefined && lookup.consistentHashOf(first.destination) !== undefined;
  const retry = retryPolicy(rule.retries ?? lookup.defaultRetries, isHashed);
  if (retry) action.retryPolicy = retry;
  return action;
}

/** No timeout unless the rule sets one; gRPC's own deadline is honoured up to the same bound. */
export function setTimeouts(action: RouteAction, rule: Pick<HTTPRoute, 'timeout'>, isProxyless: boolean): void {
  const timeout = rule.timeout === undefined ? durationOfMs(0) : durationOf(rule.timeout);
  action.timeout = timeout;
  if (isProxyless) {
    action.maxStreamDuration = create(RouteActionSchema, {
      maxStreamDuration: { maxStreamDuration: timeout },
    }).maxStreamDuration;
  } else action.maxGrpcTimeout = timeout;
}

function setRewrite(action: RouteAction, rewrite: HTTPRewrite | undefined): void {
  if (rewrite?.uriRegexRewrite) {
    const { match, rewrite: substitution } = rewrite.uriRegexRewrite;
    action.regexRewrite = create(RouteActionSchema, {
      regexRewrite: { pattern: { regex: match ?? '' }, substitution: substitution ?? '' },
    }).regexRewrite;
  } else if (rewrite?.uri) action.prefixRewrite = rewrite.uri;
}

function setAuthority(action: RouteAction, authority: string | undefined): void {
  if (authority) action.hostRewriteSpecifier = { case: 'hostRewriteLiteral', value: authority };
}

function setDestination(
  route: Route,
  action: RouteAction,
  destination: HTTPRouteDestination,
  lookup: DestinationLookup,
): void {
  action.clusterSpecifier = { case: 'cluster', value: lookup.clusterOf(destination.destination) };
  const headers = headerOperations(destination.headers);
  route.requestHeadersToAdd.push(...headers.requestHeadersToAdd);
  route.requestHeadersToRemove.push(...headers.requestHeadersToRemove);
  route.responseHeadersToAdd.push(...headers.responseHeadersToAdd);
  route.responseHeadersToRemove.push(...headers.responseHeadersToRemove);
  // The rule's own rewrite wins: Envoy can't be told otherwise for weighted destinations, and one should not differ from many.
  if (action.hostRewriteSpecifier.case === undefined) setAuthority(action, headers.authority);
  addHashPolicy(action, destination.destination, lookup);
}

function weightedCluster(
  action: RouteAction,
  destination: HTTPRouteDestination,
  lookup: DestinationLookup,
): WeightedCluster_ClusterWeight {
  const { authority, ...headers } = headerOperations(destination.headers);
  addHashPolicy(action, destination.destination, lookup);
  return create(WeightedCluster_ClusterWeightSchema, {
    name: lookup.clusterOf(destination.destination),
    weight: destination.weight ?? 0,
    ...headers,
    ...(authority ? { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: authority } } : {}),
  });
}

function addHashPolicy(action: RouteAction, destination: Destination, lookup: DestinationLookup): void {
  const policy = hashPolicy(lookup.consistentHashOf(destination));
  if (policy) action.hashPolicy.push(policy);
}

function mirrors(rule: HTTPRoute, lookup: DestinationLookup): RouteAction_RequestMirrorPolicy[] {
  const out: RouteAction_RequestMirrorPolicy[] = [];
  const add = (destination: Destination, percentage: Percent | undefined, percent?: number) => {
    const value = percentage ? (percentage.value ?? 0) : (percent ?? 100);
    if (value <= 0) return;
    const fraction = percentage ? fractionOf(value) : wholePercent(value);
    out.push(
      create(RouteAction_RequestMirrorPolicySchema, {
        cluster: lookup.clusterOf(destination),
        runtimeFraction: runtimeFraction(fraction),
        traceSampled: false,
        disableShadowHostSuffixAppend: true,
      }),
    );
  };
  if (rule.mirror) add(rule.mirror, rule.mirrorPercentage, rule.mirrorPercent);
  for (const mirror of rule.mirrors ?? []) add(mirror.destination, mirror.percentage);
  return out;
}
