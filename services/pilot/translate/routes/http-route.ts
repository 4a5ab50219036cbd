// One VirtualService's http rules as Envoy routes: matches in order, each with its action, filters' settings and header operations.
import { create } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import type { ConfigResource } from '../../../../events/model.ts';
import { type Route, RouteSchema } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { CorsPolicySchema } from '../../../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { HTTPFaultSchema } from '../../../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import type {
  HTTPMatchRequest,
  HTTPRoute,
  VirtualServiceSpec,
} from '../../../../mesh/config/schemas/virtual-service.ts';
import { parseSubsetKey } from '../names.ts';
import { configMetadata } from './config-metadata.ts';
import { corsPolicy } from './cors-policy.ts';
import { directResponse, redirectAction } from './direct-actions.ts';
import { httpFault } from './fault.ts';
import { headerOperations } from './header-operations.ts';
import { type DestinationLookup, routeAction } from './route-action.ts';
import { appliesHere, isCatchAll, type RoutePlace, routeMatch } from './route-match.ts';

/** Where routes are made for, and what its destinations are. */
export interface RouteOptions extends RoutePlace, DestinationLookup {
  /** Whether the listener terminates TLS: redirects without a scheme keep it. */
  readonly isTls: boolean;
  /** gRPC clients read max_stream_duration instead of Envoy's timeout. */
  readonly isProxyless: boolean;
}

/**
 * The routes of a VirtualService in the order of its rules and their matches; what is behind a match that takes everything
 * is left out. Empty when no rule applies at this place.
 */
export function httpRoutes(virtualService: ConfigResource<VirtualServiceSpec>, options: RouteOptions): Route[] {
  const routes: Route[] = [];
  for (const rule of virtualService.spec.http ?? []) {
    const matches = rule.match !== undefined && rule.match.length > 0 ? rule.match : [undefined];
    for (const match of matches) {
      if (match !== undefined && !appliesHere(match, options)) continue;
      const route = httpRoute(virtualService, rule, match, options);
      if (route === undefined) continue;
      routes.push(route);
      if (route.match !== undefined && isCatchAll(route.match)) return routes;
    }
  }
  return routes;
}

function httpRoute(
  virtualService: ConfigResource<VirtualServiceSpec>,
  rule: HTTPRoute,
  match: HTTPMatchRequest | undefined,
  options: RouteOptions,
): Route | undefined {
  const headers = headerOperations(rule.headers);
  const route = create(RouteSchema, {
    name: match?.name ? `${rule.name ?? ''}.${match.name}` : (rule.name ?? ''),
    match: routeMatch(match),
    metadata: configMetadata(virtualService),
    statPrefix: match?.statPrefix ?? '',
    requestHeadersToAdd: headers.requestHeadersToAdd,
    requestHeadersToRemove: headers.requestHeadersToRemove,
    responseHeadersToAdd: headers.responseHeadersToAdd,
    responseHeadersToRemove: headers.responseHeadersToRemove,
    typedPerFilterConfig: filterSettings(rule),
  });
  if (!setAction(route, rule, options, headers.authority)) return undefined;
  route.decorator = {
    $typeName: 'envoy.config.route.v3.Decorator',
    operation: operation(route, virtualService.name, options.port),
  };
  return route;
}

/** False when the rule has no action that Envoy can take: no destination, or a redirect code it does not know. */
function setAction(route: Route, rule: HTTPRoute, options: RouteOptions, authority: string | undefined): boolean {
  if (rule.redirect) {
    const value = redirectAction(rule.redirect, options);
    if (value) route.action = { case: 'redirect', value };
  } else if (rule.directResponse) {
    route.action = { case: 'directResponse', value: directResponse(rule.directResponse) };
  } else {
    const value = routeAction(route, rule, options, authority);
    if (value) route.action = { case: 'route', value };
  }
  return route.action.case !== undefined;
}

function filterSettings(rule: HTTPRoute): Record<string, Any> {
  const fault = rule.fault && httpFault(rule.fault);
  const cors = rule.corsPolicy && corsPolicy(rule.corsPolicy);
  return {
    ...(cors ? { 'envoy.filters.http.cors': anyPack(CorsPolicySchema, cors) } : {}),
    ...(fault ? { 'envoy.filters.http.fault': anyPack(HTTPFaultSchema, fault) } : {}),
  };
}

/** What traces call the route: `reviews.default.svc.cluster.local:9080/*`, or the VirtualService's name if it has no single destination. */
function operation(route: Route, name: string, port: number): string {
  const path = operationPath(route);
  const specifier = route.action.case === 'route' ? route.action.value.clusterSpecifier : undefined;
  const key = specifier?.case === 'cluster' ? parseSubsetKey(specifier.value) : undefined;
  return key ? `${key.hostname}:${key.port}${path}` : `${name}:${port}${path}`;
}

function operationPath(route: Route): string {
  const path = route.match?.pathSpecifier;
  if (path?.case === 'prefix') return `${path.value}*`;
  if (path?.case === 'path') return path.value;
  if (path?.case === 'safeRegex') return path.value.regex;
  return '/*';
}
