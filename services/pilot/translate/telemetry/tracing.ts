// Envoy's tracing as a Telemetry asks for it: provider, sampling and tags of a connection manager.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  type HttpConnectionManager_Tracing,
  HttpConnectionManager_TracingSchema,
  type RequestIDExtension,
  RequestIDExtensionSchema,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { UuidRequestIdConfigSchema } from '../../../../gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import { type CustomTag, CustomTagSchema } from '../../../../gen/envoy/type/tracing/v3/custom_tag_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { compareNames } from '../names.ts';
import type { TracingChoice } from './effective-telemetry.ts';
import { formattedTag } from './formatted-tag.ts';
import { bootstrapTracer, type ProviderTarget } from './providers.ts';
import type { SpanIdentity } from './span-identity.ts';
import { tracerOf } from './tracers.ts';

type CustomTagSpec = NonNullable<TracingChoice['customTags']>[string];

/** Istio's default: 1 % of the requests that nobody decided about before. */
const defaultSamplingPercentage = 1;
/** Istio's default length of the path in a span. */
const defaultMaxTagLength = 256;

/** What of the mesh and the proxy is in its spans. */
export interface TracedProxy {
  readonly mesh: MeshConfig;
  readonly isGateway: boolean;
  readonly identity: SpanIdentity;
}

/** What AuthorizationPolicies that only report would have done: Istio's tags, by what the RBAC filter leaves in metadata. */
const dryRunTags = ['allow', 'deny'].flatMap((action) => [
  {
    tag: `istio.authorization.dry_run.${action}_policy.name`,
    key: `istio_dry_run_${action}_shadow_effective_policy_id`,
  },
  { tag: `istio.authorization.dry_run.${action}_policy.result`, key: `istio_dry_run_${action}_shadow_engine_result` },
]);

/**
 * The `tracing` field of a connection manager; undefined where the provider is none that traces or can't be reached. A request
 * that comes in with a sampling decision keeps it. With `disableSpanReporting` there is none either: a tracer would report what others
 * sampled, while without one the context passes through.
 */
export function tracing(
  choice: TracingChoice | undefined,
  targets: readonly ProviderTarget[],
  { mesh, isGateway, identity }: TracedProxy,
): HttpConnectionManager_Tracing | undefined {
  const target = targets.find(({ provider }) => provider.name === choice?.provider);
  if (choice === undefined || target === undefined || choice.disableSpanReporting === true) return undefined;
  const provider = tracerOf(target, identity);
  if (provider === undefined) return undefined;
  const { opentelemetry, zipkin, skywalking, datadog } = target.provider;
  const { maxTagLength } = opentelemetry ?? zipkin ?? datadog ?? {};
  // A sampler decides about all: it must see all.
  const percentage = opentelemetry?.dynatraceSampler ? 100 : (choice.randomSamplingPercentage ?? samplingOf(mesh));
  const tracing = create(HttpConnectionManager_TracingSchema, {
    clientSampling: { value: 100 },
    randomSampling: { value: percentage },
    overallSampling: { value: 100 },
    maxPathTagLength: maxTagLength || mesh.tracing?.maxPathTagLength || defaultMaxTagLength,
    customTags: customTags(choice, mesh, identity),
    provider,
    // As in Istio, a gateway's call is a span of its own beside the request's; SkyWalking has one of each side everywhere.
    ...((isGateway && choice.provider !== bootstrapTracer) || skywalking ? { spawnUpstreamSpan: true } : {}),
  });
  if (choice.disableContextPropagation === true) tracing.$unknown = [noContextPropagation];
  return tracing;
}

/** Field 13, `no_context_propagation`: newer than the API that our protobuf code is made from. */
const noContextPropagation = { no: 13, wireType: WireType.Varint, data: new BinaryWriter().bool(true).finish() };

/** Whether requests' ids decide, or are marked, which are traced; only where a Telemetry says that they do not. */
export function requestIdExtension(choice: TracingChoice | undefined): RequestIDExtension | undefined {
  if (choice?.useRequestIdForTraceSampling !== false) return undefined;
  const config = create(UuidRequestIdConfigSchema, { useRequestIdForTraceSampling: false });
  return create(RequestIDExtensionSchema, { typedConfig: anyPack(UuidRequestIdConfigSchema, config) });
}

/** As Istio reads `tracing.sampling`: 0 says nothing, and above 100 is nonsense. */
function samplingOf({ tracing: { sampling = 0 } = {} }: MeshConfig): number {
  return sampling === 0 || sampling > 100 ? defaultSamplingPercentage : sampling;
}

/** Istio's own, then a Telemetry's or, where none has any, the ProxyConfig's. */
function customTags(choice: TracingChoice, mesh: MeshConfig, identity: SpanIdentity): CustomTag[] {
  const tags = new Map<string, CustomTag>();
  const add = (tag: string, init: MessageInitShape<typeof CustomTagSchema>['type']) =>
    tags.set(tag, create(CustomTagSchema, { tag, ...(init ? { type: init } : {}) }));
  if (choice.enableIstioTags !== false) {
    for (const [tag, value] of Object.entries(identity.tags)) add(tag, { case: 'literal', value: { value } });
    for (const { tag, key } of dryRunTags) {
      const metadataKey = { key: 'envoy.filters.http.rbac', path: [{ segment: { case: 'key' as const, value: key } }] };
      add(tag, { case: 'metadata', value: { kind: { kind: { case: 'request', value: {} } }, metadataKey } });
    }
  }
  const asked: NonNullable<TracingChoice['customTags']> = choice.customTags ?? {};
  const own = Object.keys(asked).length > 0 ? asked : (mesh.tracing?.customTags ?? {});
  for (const [tag, { literal, environment, header, formatter }] of Object.entries<CustomTagSpec>(own)) {
    if (literal) add(tag, { case: 'literal', value: literal });
    else if (environment) add(tag, { case: 'environment', value: environment });
    else if (header) add(tag, { case: 'requestHeader', value: header });
    else if (formatter) tags.set(tag, formattedTag(tag, formatter.value));
  }
  return [...tags].sort(([a], [b]) => compareNames(a, b)).map(([, tag]) => tag);
}
