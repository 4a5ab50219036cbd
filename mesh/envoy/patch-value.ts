// The Envoy message that an EnvoyFilter's patch is written as.
import { type DescMessage, fromJson, type JsonValue, type Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { BootstrapSchema } from '../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '../../gen/envoy/config/core/v3/extension_pb.js';
import {
  FilterChainSchema,
  FilterSchema,
  ListenerFilterSchema,
} from '../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteSchema, VirtualHostSchema } from '../../gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../gen/envoy/config/route/v3/route_pb.js';
import { HttpFilterSchema } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { messageOf } from '../../lib/mesh-error.ts';
import { anyTypes } from './any-types.ts';

/** Messages that patches apply to, by `applyTo`. */
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
  BOOTSTRAP: BootstrapSchema,
} as const;

/** A value that was read; `problem` says for people which fields were left out. */
export interface PatchValue {
  readonly message: Message;
  readonly problem: string | undefined;
}

/** Unknown fields may belong to a newer Envoy than ours: the rest of the patch stands, as in Istio. Throws when it can't be read. */
export function readPatchValue(schema: DescMessage, value: unknown): PatchValue {
  const json = value as JsonValue;
  try {
    return { message: fromJson(schema, json, { registry: anyTypes }), problem: undefined };
  } catch (error) {
    const message = fromJson(schema, json, { registry: anyTypes, ignoreUnknownFields: true });
    return { message, problem: `fields left out: ${messageOf(error)}` };
  }
}

/** Names of extensions inside a value that have no typed configuration: Envoy no longer finds them by name. */
export function untypedExtensions(schema: DescMessage, message: Message): readonly string[] {
  return untypedIn(reflect(schema, message));
}

function untypedIn(message: ReflectMessage): readonly string[] {
  const { fields } = message;
  const isTyped = fields.some(
    (field) => (field.jsonName === 'typedConfig' || field.jsonName === 'configDiscovery') && message.isSet(field),
  );
  const needsType = fields.some(({ jsonName }) => jsonName === 'typedConfig');
  const inside = fields.flatMap((field) =>
    field.fieldKind === 'message' && message.isSet(field) ? untypedIn(message.get(field)) : [],
  );
  if (!needsType || isTyped) return inside;
  const field = fields.find(({ jsonName }) => jsonName === 'name');
  const name: unknown = field && message.get(field);
  return [...inside, typeof name === 'string' ? name : ''];
}
