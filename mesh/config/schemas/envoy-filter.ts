// EnvoyFilter (istio.io/latest/docs/reference/config/networking/envoy-filter): schema and types.
import { targetRefSchema, workloadSelectorSchema } from './destination.ts';
import { int32, list, map, object, oneOfNames, type Static, struct, text, uint32 } from './schema.ts';

const filterMatch = object({ name: text, subFilter: object({ name: text }) });
const listenerMatch = object({
  portNumber: uint32,
  portName: text,
  filterChain: object({
    name: text,
    sni: text,
    transportProtocol: text,
    applicationProtocols: text,
    filter: filterMatch,
    destinationPort: uint32,
  }),
  listenerFilter: text,
  name: text,
});
const routeConfigurationMatch = object({
  portNumber: uint32,
  portName: text,
  gateway: text,
  vhost: object({
    name: text,
    domainName: text,
    route: object({ name: text, action: oneOfNames('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE') }),
  }),
  name: text,
});
const clusterMatch = object({ portNumber: uint32, service: text, subset: text, name: text });
const waypointMatch = object({ portNumber: uint32, route: object({ name: text }), filter: filterMatch });
const objectMatch = object({
  context: oneOfNames('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'),
  proxy: object({ proxyVersion: text, metadata: map(text) }),
  listener: listenerMatch,
  routeConfiguration: routeConfigurationMatch,
  cluster: clusterMatch,
  waypoint: waypointMatch,
});
const patch = object({
  operation: oneOfNames(
    'INVALID',
    'MERGE',
    'ADD',
    'REMOVE',
    'INSERT_BEFORE',
    'INSERT_AFTER',
    'INSERT_FIRST',
    'REPLACE',
    'MERGE_AND_REPLACE_LIST',
  ),
  value: struct,
  filterClass: oneOfNames('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
});
const configPatch = object({
  applyTo: oneOfNames(
    'INVALID',
    'LISTENER',
    'FILTER_CHAIN',
    'NETWORK_FILTER',
    'HTTP_FILTER',
    'ROUTE_CONFIGURATION',
    'VIRTUAL_HOST',
    'HTTP_ROUTE',
    'CLUSTER',
    'EXTENSION_CONFIG',
    'BOOTSTRAP',
    'LISTENER_FILTER',
  ),
  match: objectMatch,
  patch,
});
/** Schema of an EnvoyFilter's spec. */
export const envoyFilterSchema = object({
  workloadSelector: workloadSelectorSchema,
  targetRefs: list(targetRefSchema),
  configPatches: list(configPatch),
  priority: int32,
});

/** Patches of generated Envoy configuration. */
export interface EnvoyFilterSpec extends Static<typeof envoyFilterSchema> {}
/** One patch and where it goes. */
export interface EnvoyConfigObjectPatch extends Static<typeof configPatch> {}
/** Which generated objects are patched. */
export interface EnvoyConfigObjectMatch extends Static<typeof objectMatch> {}
/** The change. */
export interface EnvoyFilterPatch extends Static<typeof patch> {}
/** See EnvoyConfigObjectMatch. */
export interface ListenerMatch extends Static<typeof listenerMatch> {}
/** See EnvoyConfigObjectMatch. */
export interface RouteConfigurationMatch extends Static<typeof routeConfigurationMatch> {}
/** See EnvoyConfigObjectMatch. */
export interface ClusterMatch extends Static<typeof clusterMatch> {}
