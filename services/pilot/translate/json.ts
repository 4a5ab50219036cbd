// Prints resources as proto3 JSON with every Any expanded: what `render`, `proxy-config` and `at` show.
import { type DescMessage, fromBinary, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { ClusterSchema } from '../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '../../../gen/envoy/config/core/v3/extension_pb.js';
import { ClusterLoadAssignmentSchema } from '../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../../../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../../gen/envoy/config/route/v3/route_pb.js';
import { SecretSchema } from '../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { ProxyConfigSchema } from '../../../gen/istio/mesh/v1alpha1/proxy_config_pb.js';
import { anyTypes } from '../../../mesh/envoy/any-types.ts';
import { type EncodedResource, type ResourceSet, type Translation, type TypeUrl, typeUrls } from './translation.ts';

/** A translation for people and programs; each list in name order. Equal translations print equally. */
export interface TranslationJson {
  readonly position: number;
  readonly resources: {
    readonly listeners: readonly JsonObject[];
    readonly routes: readonly JsonObject[];
    readonly clusters: readonly JsonObject[];
    readonly endpoints: readonly JsonObject[];
  };
}

const schemas: Readonly<Record<TypeUrl, DescMessage>> = {
  [typeUrls.cluster]: ClusterSchema,
  [typeUrls.endpoints]: ClusterLoadAssignmentSchema,
  [typeUrls.listener]: ListenerSchema,
  [typeUrls.route]: RouteConfigurationSchema,
  [typeUrls.secret]: SecretSchema,
  [typeUrls.extension]: TypedExtensionConfigSchema,
  [typeUrls.proxyConfig]: ProxyConfigSchema,
  [typeUrls.agentSettings]: StructSchema,
};

/** See the file's first line. */
export function translationToJson(translation: Translation): TranslationJson {
  const { position } = translation;
  const listOf = (typeUrl: TypeUrl) => setToJson(translation.resources(typeUrl));
  return {
    position,
    resources: {
      listeners: listOf(typeUrls.listener),
      routes: listOf(typeUrls.route),
      clusters: listOf(typeUrls.cluster),
      endpoints: listOf(typeUrls.endpoints),
    },
  };
}

/** The resources of a set in name order. */
export function setToJson(set: ResourceSet): readonly JsonObject[] {
  return set.names().flatMap((name) => {
    const resource = set.get(name);
    return resource === undefined ? [] : [resourceToJson(resource)];
  });
}

/**
 * One resource. An extension unknown here (an EnvoyFilter may bring any) can't be expanded: the resource is then given as
 * `{"@type", "name", "value": BASE64}`.
 */
export function resourceToJson({
  typeUrl,
  name,
  bytes,
}: Pick<EncodedResource, 'typeUrl' | 'name' | 'bytes'>): JsonObject {
  const schema = schemas[typeUrl];
  const message = fromBinary(schema, bytes);
  let json: JsonValue;
  try {
    json = toJson(schema, message, { registry: anyTypes });
  } catch {
    json = { '@type': typeUrl, name, value: Buffer.from(bytes).toString('base64') };
  }
  return json as JsonObject;
}
