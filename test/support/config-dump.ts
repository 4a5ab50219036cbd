// What an Envoy says it holds, made comparable with what Periplus says it holds.
import { create, type DescMessage, fromJson, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.js';
import { anyTypes } from '../../mesh/envoy/any-types.ts';

/** Dynamic resources by name, as canonical JSON text. */
export interface HeldResources {
  readonly listeners: Readonly<Record<string, string>>;
  readonly routes: Readonly<Record<string, string>>;
  readonly clusters: Readonly<Record<string, string>>;
  /** Cluster name → `address:port` of its endpoints, sorted. */
  readonly endpoints: Readonly<Record<string, readonly string[]>>;
}

interface Dump {
  readonly configs: readonly {
    readonly '@type': string;
    readonly dynamic_active_clusters?: readonly { readonly cluster: JsonObject }[];
    readonly dynamic_listeners?: readonly {
      readonly active_state?: { readonly listener: JsonObject };
      readonly draining_state?: object;
    }[];
    readonly dynamic_route_configs?: readonly { readonly route_config: JsonObject }[];
    readonly dynamic_endpoint_configs?: readonly { readonly endpoint_config: JsonObject }[];
  }[];
}

/** Reads `/config_dump?include_eds` of the Envoy whose admin interface is at `adminPort`; undefined while a listener drains. */
export async function heldByEnvoy(adminPort: number): Promise<HeldResources | undefined> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/config_dump?include_eds`);
  const dump = (await response.json()) as Dump;
  const all = <T>(read: (config: Dump['configs'][number]) => readonly T[] | undefined) =>
    dump.configs.flatMap((config) => read(config) ?? []);
  const listeners = all((config) => config.dynamic_listeners);
  // A listener that drains keeps its route configuration for a while, though no connection can find it any more.
  if (listeners.some(({ draining_state }) => draining_state !== undefined)) return undefined;
  return heldResources({
    clusters: all((config) => config.dynamic_active_clusters).map(({ cluster }) => cluster),
    listeners: listeners.flatMap(({ active_state }) => (active_state ? [active_state.listener] : [])),
    routes: all((config) => config.dynamic_route_configs).map(({ route_config }) => route_config),
    // Envoy lists an assignment for clusters of every type; what it was sent by EDS is for outbound ones.
    endpoints: all((config) => config.dynamic_endpoint_configs)
      .map(({ endpoint_config }) => endpoint_config)
      .filter((assignment) => textOf(assignment.cluster_name).startsWith('outbound|')),
  });
}

/** The same of proto3 JSON lists, such as `periplus proxy-config all -o json` gives. */
export function heldResources(lists: {
  readonly listeners: readonly JsonObject[];
  readonly routes: readonly JsonObject[];
  readonly clusters: readonly JsonObject[];
  readonly endpoints: readonly JsonObject[];
}): HeldResources {
  return {
    listeners: byName(lists.listeners, ListenerSchema),
    routes: byName(lists.routes, RouteConfigurationSchema),
    clusters: byName(lists.clusters, ClusterSchema),
    endpoints: Object.fromEntries(
      lists.endpoints
        .map(
          (assignment) => [textOf(assignment.clusterName ?? assignment.cluster_name), addressesIn(assignment)] as const,
        )
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  };
}

function byName(resources: readonly JsonObject[], schema: DescMessage): Record<string, string> {
  const canonical = resources.map((resource) => {
    const { '@type': _type, ...fields } = resource;
    const message = fromJson(schema, fields, { registry: anyTypes, ignoreUnknownFields: true });
    return [
      textOf(resource.name),
      JSON.stringify(sorted(toJson(schema, create(schema, message), { registry: anyTypes }))),
    ] as const;
  });
  return Object.fromEntries(canonical.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `address:port` of every socket address anywhere in `json`, sorted. */
function addressesIn(json: JsonValue): string[] {
  const found: string[] = [];
  const visit = (value: JsonValue) => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (value !== null && typeof value === 'object') {
      const port = value.portValue ?? value.port_value;
      if (typeof value.address === 'string' && typeof port === 'number') found.push(`${value.address}:${port}`);
      Object.values(value).forEach(visit);
    }
  };
  visit(json);
  return found.sort();
}

/** The same value with the keys of every object in order: protobuf maps (Struct fields) print in any. */
function sorted(json: JsonValue): JsonValue {
  if (Array.isArray(json)) return json.map(sorted);
  if (json === null || typeof json !== 'object') return json;
  return Object.fromEntries(
    Object.entries(json)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [key, sorted(value)]),
  );
}

function textOf(json: JsonValue | undefined): string {
  if (typeof json !== 'string') throw new TypeError(`expected text, got ${JSON.stringify(json)}`);
  return json;
}
