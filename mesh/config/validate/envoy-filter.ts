// Validates an EnvoyFilter (istio.io/latest/docs/reference/config/networking/envoy-filter): refuses and warns as Istio's own validation does.
import { messageOf } from '../../../lib/mesh-error.ts';
import { patchSchemas, readPatchValue, untypedExtensions } from '../../envoy/patch-value.ts';
import { type PatchTarget, patchEffect } from '../envoy-filter-operations.ts';
import type {
  EnvoyConfigObjectMatch,
  EnvoyConfigObjectPatch,
  EnvoyFilterSpec,
  ListenerMatch,
} from '../schemas/envoy-filter.ts';
import { checkTargetRef, checkWorkloadSelector } from './labels.ts';
import { checkOneOf, forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkRegex } from './string-match.ts';

/** See the file's first line. */
export const validateEnvoyFilter: SpecValidator<EnvoyFilterSpec> = (spec, place) => {
  place.warn(
    'EnvoyFilters depend on how Envoy is configured inside, which may change: prefer other resources where possible',
  );
  checkOneOf(spec, ['workloadSelector', 'targetRefs'], place);
  checkWorkloadSelector(spec.workloadSelector, place.at('workloadSelector'));
  forEachAt(spec.targetRefs, place.at('targetRefs'), checkTargetRef);
  forEachAt(spec.configPatches, place.at('configPatches'), checkConfigPatch);
};

const connectionManagers = ['envoy.filters.network.http_connection_manager', 'envoy.http_connection_manager'];
/** `applyTo`s that match on a listener, a route configuration, a cluster. LISTENER_FILTER is not checked by Istio. */
const listenerClass: readonly string[] = ['LISTENER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER'];
const routeClass: readonly string[] = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'];
/** Longer expressions match no proxy: compiling them costs too much (Istio's limit, which only warns). */
const maxVersionPatternLength = 1024;

/** Istio looks no further than the first fault of a patch; here all are said. */
function checkConfigPatch({ applyTo = 'INVALID', match, patch }: EnvoyConfigObjectPatch, place: Place): void {
  // Waypoints are no proxies of this mesh; Istio checks nothing of their patches.
  if (match?.context === 'WAYPOINT') {
    place.at('match', 'context').warn('has no effect: there are no waypoints here');
    return;
  }
  if (applyTo === 'INVALID') place.at('applyTo').error('is required');
  const { operation = 'INVALID', value } = patch ?? {};
  if (patch === undefined) place.at('patch').error('is required');
  else if (operation === 'INVALID') place.at('patch', 'operation').error('is required');
  else if (value === undefined && operation !== 'REMOVE')
    place.at('patch', 'value').error(`is required for ${operation}`);
  if (match) checkMatch(match, applyTo, place.at('match'));
  if (applyTo === 'INVALID') return;
  if (operation !== 'INVALID' && patchEffect(applyTo, operation) === 'no effect')
    place.at('patch', 'operation').warn(`${operation} has no effect on ${applyTo}`);
  if (value !== undefined) checkValue(applyTo, value, place.at('patch', 'value'));
}

function checkMatch(match: EnvoyConfigObjectMatch, applyTo: string, place: Place): void {
  checkOneOf(match, ['listener', 'routeConfiguration', 'cluster', 'waypoint'], place);
  const { proxyVersion = '' } = match.proxy ?? {};
  if (proxyVersion.length > maxVersionPatternLength)
    place.at('proxy', 'proxyVersion').warn(`is longer than ${maxVersionPatternLength} characters: it matches no proxy`);
  else if (proxyVersion !== '') checkRegex(proxyVersion, place.at('proxy', 'proxyVersion'));
  const wanted = objectOf(applyTo);
  const others = (['listener', 'routeConfiguration', 'cluster', 'waypoint'] as const).filter((name) => match[name]);
  if (wanted !== undefined && others.some((name) => name !== wanted))
    place.error(`applyTo ${applyTo} can only match on ${wanted}`);
  const filter = match.listener?.filterChain?.filter;
  if (filter && listenerClass.includes(applyTo))
    checkFilterMatch(filter, applyTo, place.at('listener', 'filterChain', 'filter'));
}

function objectOf(applyTo: string): 'listener' | 'routeConfiguration' | 'cluster' | undefined {
  if (listenerClass.includes(applyTo)) return 'listener';
  if (routeClass.includes(applyTo)) return 'routeConfiguration';
  return applyTo === 'CLUSTER' ? 'cluster' : undefined;
}

type FilterMatch = NonNullable<NonNullable<ListenerMatch['filterChain']>['filter']>;

function checkFilterMatch({ name = '', subFilter }: FilterMatch, applyTo: string, place: Place): void {
  if (applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN') place.warn(`has no effect with applyTo ${applyTo}`);
  if (name === '') place.at('name').error('is required');
  warnOldName(name, place.at('name'));
  if (subFilter === undefined) return;
  if (applyTo !== 'HTTP_FILTER') place.at('subFilter').error('is for applyTo HTTP_FILTER');
  else if (name !== '' && !connectionManagers.includes(name))
    place.at('name').error(`with subFilter, the filter is ${connectionManagers[0]}, found ${name}`);
  if (!subFilter.name) place.at('subFilter', 'name').error('is required');
  else warnOldName(subFilter.name, place.at('subFilter', 'name'));
}

/** Names that Envoy's filters had before version 1.14 where they are not just without `filters.TYPE`. */
const oldHttpNames: Readonly<Record<string, string>> = {
  'envoy.http_dynamo_filter': 'envoy.filters.http.dynamo',
  'envoy.rate_limit': 'envoy.filters.http.ratelimit',
};
const oldHttp =
  /^envoy\.(buffer|cors|csrf|ext_authz|fault|grpc_http1_bridge|grpc_json_transcoder|grpc_web|gzip|health_check|ip_tagging|lua|router|squash)$/;
const oldListener = /^envoy\.listener\.(http_inspector|original_dst|original_src|proxy_protocol|tls_inspector)$/;
const oldNetwork = /^envoy\.(client_ssl_auth|http_connection_manager|mongo_proxy|ratelimit|redis_proxy|tcp_proxy)$/;

function warnOldName(name: string, place: Place): void {
  const renamed =
    oldHttpNames[name] ??
    (oldHttp.test(name) ? name.replace('envoy.', 'envoy.filters.http.') : undefined) ??
    (oldListener.test(name) ? name.replace('envoy.listener.', 'envoy.filters.listener.') : undefined) ??
    (oldNetwork.test(name) ? name.replace('envoy.', 'envoy.filters.network.') : undefined);
  if (renamed !== undefined) place.warn(`${name} is a deprecated name; use ${renamed}`);
}

function checkValue(applyTo: PatchTarget, value: unknown, place: Place): void {
  const schema = patchSchemas[applyTo];
  try {
    const { message, problem } = readPatchValue(schema, value);
    if (problem !== undefined) place.warn(problem);
    const untyped = untypedExtensions(schema, message);
    if (untyped.length > 0)
      place.warn(`extensions are found by the type of their typed_config, not by name: ${untyped.join(', ')}`);
  } catch (error) {
    const message = messageOf(error);
    // Types of filters that are not in ours may be in a user's Envoy: such a patch is left out, not refused.
    if (/type registry/.test(message) && /envoy\.[\w.]+\.v3|istio\./.test(message))
      place.warn(`${message}: the patch is left out`);
    else if (message.includes('.v2.')) place.error(`${message} (Envoy's v3 API is what proxies speak)`);
    else place.error(message);
  }
}
