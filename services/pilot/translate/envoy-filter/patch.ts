// One patch of an EnvoyFilter, read: its value is the Envoy message that it is merged into or that it adds.
import { type DescMessage, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import type { ConfigResource } from '../../../../events/model.ts';
import { ClusterSchema } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '../../../../gen/envoy/config/core/v3/extension_pb.js';
import {
  FilterChainSchema,
  FilterSchema,
  ListenerFilterSchema,
} from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../../../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteSchema, VirtualHostSchema } from '../../../../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import { HttpFilterSchema } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { messageOf } from '../../../../lib/mesh-error.ts';
import type {
  EnvoyConfigObjectMatch,
  EnvoyConfigObjectPatch,
  EnvoyFilterPatch,
  EnvoyFilterSpec,
} from '../../../../mesh/config/schemas/envoy-filter.ts';
import { anyTypes } from '../any-types.ts';

/** Messages that patches apply to. BOOTSTRAP is none of them: a bootstrap is read once, by a starting proxy, and not served. */
export const patchSchemas = {
  LISTENER: ListenerSchema,
  FILTER_CHAIN: FilterChainSchema,
  NETWORK_FILTER: FilterSchema,
  LISTENER_FILTER: ListenerFilterSchema,
  HTTP_FILTER: HttpFilterSchema,
  ROUTE_CONFIGURATION: RouteConfigurationSchema,
  VIRTUAL_HOST: VirtualHostSchema,
  HTTP_ROUTE: RouteSchema,
  CLUSTER: ClusterSchema,
  EXTENSION_CONFIG: TypedExtensionConfigSchema,
} as const;

/** What is patched. */
export type ApplyTo = keyof typeof patchSchemas;
/** Which proxies' and which side's resources a patch is for. */
export type PatchContext = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';
/** What is done. */
export type Operation = Exclude<EnvoyFilterPatch['operation'], undefined | 'INVALID'>;

/** See the file's first line. */
export interface Patch<A extends ApplyTo = ApplyTo> {
  readonly applyTo: A;
  readonly operation: Operation;
  readonly match: EnvoyConfigObjectMatch;
  /** Never changed: applying it clones it. A message without fields where REMOVE needs none. */
  readonly value: MessageShape<(typeof patchSchemas)[A]>;
  /** `EnvoyFilter/default/x: configPatches[0]`, for warnings. */
  readonly origin: string;
}

/** A patch that is to be applied to proxies whose metadata match. */
export interface ReadPatch {
  /** Undefined: it can't be applied, `problem` says why. */
  readonly patch: Patch | undefined;
  readonly proxy: EnvoyConfigObjectMatch['proxy'];
  /** For people: why the patch is left out, or which of its fields are. */
  readonly problem: string | undefined;
}

/** Inserting is for lists in which order matters; elsewhere it is adding, as in Istio. */
const ordered: readonly string[] = ['LISTENER_FILTER', 'NETWORK_FILTER', 'HTTP_FILTER', 'HTTP_ROUTE'];

/** The patches of a resource, in its order. */
export function readPatches(filter: ConfigResource<EnvoyFilterSpec>): readonly ReadPatch[] {
  return (filter.spec.configPatches ?? []).map((configPatch, index) => {
    const origin = `EnvoyFilter/${filter.namespace}/${filter.name}: configPatches[${index}]`;
    const proxy = configPatch.match?.proxy;
    try {
      return { proxy, ...readPatch(configPatch, origin) };
    } catch (error) {
      return { proxy, patch: undefined, problem: `${origin} left out: ${messageOf(error)}` };
    }
  });
}

function readPatch(
  { applyTo = 'INVALID', match = {}, patch = {} }: EnvoyConfigObjectPatch,
  origin: string,
): Pick<ReadPatch, 'patch' | 'problem'> {
  const leftOut = (why: string) => ({ patch: undefined, problem: `${origin} left out: ${why}` });
  if (applyTo === 'BOOTSTRAP')
    return leftOut('applyTo BOOTSTRAP is not served: a proxy reads its bootstrap as it starts');
  if (!isApplyTo(applyTo)) return leftOut(`applyTo ${applyTo} is unknown`);
  const { operation: asked = 'INVALID', value } = patch;
  if (asked === 'INVALID') return leftOut('it has no operation');
  if (value === undefined && asked !== 'REMOVE') return leftOut(`${asked} needs a value`);
  const operation = asked.startsWith('INSERT_') && !ordered.includes(applyTo) ? 'ADD' : asked;
  const { message, problem } = readValue(patchSchemas[applyTo], (value ?? {}) as JsonValue);
  return {
    patch: { applyTo, operation, match, value: message, origin } as Patch,
    problem: problem && `${origin}: ${problem}`,
  };
}

function isApplyTo(applyTo: string): applyTo is ApplyTo {
  return Object.hasOwn(patchSchemas, applyTo);
}

/** Unknown fields may belong to a newer Envoy than ours: the rest of the patch stands, as in Istio. Throws when it can't be read. */
function readValue(schema: DescMessage, value: JsonValue) {
  try {
    return { message: fromJson(schema, value, { registry: anyTypes }), problem: undefined };
  } catch (error) {
    const message = fromJson(schema, value, { registry: anyTypes, ignoreUnknownFields: true });
    return { message, problem: `fields left out: ${messageOf(error)}` };
  }
}
