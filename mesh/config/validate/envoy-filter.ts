// Validates an EnvoyFilter (istio.io/latest/docs/reference/config/networking/envoy-filter).
import type {
  EnvoyConfigObjectMatch,
  EnvoyConfigObjectPatch,
  EnvoyFilterPatch,
  EnvoyFilterSpec,
} from '../schemas/envoy-filter.ts';
import { checkTargetRef, checkWorkloadSelector } from './labels.ts';
import { checkOneOf, forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort } from './ports.ts';
import { checkRegex } from './string-match.ts';

/** See the file's first line. Whether a patch's value fits Envoy's message is seen when it is applied. */
export const validateEnvoyFilter: SpecValidator<EnvoyFilterSpec> = (spec, place) => {
  checkOneOf(spec, ['workloadSelector', 'targetRefs'], place);
  checkWorkloadSelector(spec.workloadSelector, place.at('workloadSelector'));
  forEachAt(spec.targetRefs, place.at('targetRefs'), checkTargetRef);
  forEachAt(spec.configPatches, place.at('configPatches'), checkConfigPatch);
};

const listenerClass = ['LISTENER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER', 'LISTENER_FILTER'];
const routeClass = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'];
const inserts = ['INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST'];
const ordered = ['NETWORK_FILTER', 'HTTP_FILTER', 'LISTENER_FILTER', 'HTTP_ROUTE', 'VIRTUAL_HOST', 'FILTER_CHAIN'];

function checkConfigPatch(configPatch: EnvoyConfigObjectPatch, place: Place): void {
  const { applyTo = 'INVALID', match, patch } = configPatch;
  if (applyTo === 'INVALID') place.at('applyTo').error('is required');
  if (patch === undefined) place.at('patch').error('is required');
  else checkPatch(patch, applyTo, place.at('patch'));
  if (match) checkMatch(match, applyTo, place.at('match'));
}

function checkPatch(patch: EnvoyFilterPatch, applyTo: string, place: Place): void {
  const { operation = 'INVALID', value, filterClass = 'UNSPECIFIED' } = patch;
  if (operation === 'INVALID') place.at('operation').error('is required');
  else if (operation === 'REMOVE' && value !== undefined) place.at('value').warn('REMOVE has no use for a value');
  else if (operation !== 'REMOVE' && value === undefined) place.at('value').error(`is required for ${operation}`);
  if (applyTo === 'BOOTSTRAP' && operation !== 'MERGE')
    place.at('operation').error(`BOOTSTRAP can only be merged, found ${operation}`);
  if (applyTo === 'EXTENSION_CONFIG' && operation !== 'ADD')
    place.at('operation').error(`EXTENSION_CONFIG can only be added, found ${operation}`);
  if (inserts.includes(operation) && !ordered.includes(applyTo))
    place.at('operation').error(`${operation} is for ordered lists; ${applyTo} is not in one`);
  if (operation === 'REPLACE' && applyTo !== 'NETWORK_FILTER' && applyTo !== 'HTTP_FILTER')
    place.at('operation').error(`REPLACE is for NETWORK_FILTER and HTTP_FILTER, found ${applyTo}`);
  if (filterClass !== 'UNSPECIFIED' && operation !== 'ADD')
    place.at('filterClass').error(`is for ADD, found ${operation}`);
}

function checkMatch(match: EnvoyConfigObjectMatch, applyTo: string, place: Place): void {
  checkOneOf(match, ['listener', 'routeConfiguration', 'cluster', 'waypoint'], place);
  if ((match.context === 'WAYPOINT') !== (match.waypoint !== undefined))
    place.at('waypoint').error('waypoint and context WAYPOINT belong together');
  if (match.proxy?.proxyVersion) checkRegex(match.proxy.proxyVersion, place.at('proxy', 'proxyVersion'));
  if (listenerClass.includes(applyTo) && (match.routeConfiguration || match.cluster))
    place.error(`applyTo ${applyTo} can only match on listener`);
  if (routeClass.includes(applyTo) && (match.listener || match.cluster))
    place.error(`applyTo ${applyTo} can only match on routeConfiguration`);
  if (applyTo === 'CLUSTER' && (match.listener || match.routeConfiguration))
    place.error('applyTo CLUSTER can only match on cluster');
  const filter = match.listener?.filterChain?.filter;
  if (filter?.subFilter && !filter.name)
    place.at('listener', 'filterChain', 'filter', 'name').error('is required with subFilter');
  if (filter?.subFilter && applyTo === 'NETWORK_FILTER')
    place.at('listener', 'filterChain', 'filter', 'subFilter').error('is for HTTP_FILTER');
  for (const name of ['listener', 'routeConfiguration', 'cluster'] as const) {
    const port = match[name]?.portNumber;
    if (port !== undefined && port !== 0) checkPort(port, place.at(name, 'portNumber'));
  }
}
