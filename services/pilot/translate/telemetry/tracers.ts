// Envoy's tracers as MeshConfig's extensionProviders describe them: OpenTelemetry, Zipkin, SkyWalking and Datadog, each with how its receiver is reached.
import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { HeaderValueOption_HeaderAppendAction } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { HttpServiceSchema } from '../../../../gen/envoy/config/core/v3/http_service_pb.js';
import { DatadogConfigSchema } from '../../../../gen/envoy/config/trace/v3/datadog_pb.js';
import { OpenTelemetryConfigSchema } from '../../../../gen/envoy/config/trace/v3/opentelemetry_pb.js';
import { SkyWalkingConfigSchema } from '../../../../gen/envoy/config/trace/v3/skywalking_pb.js';
import {
  ZipkinConfig_CollectorEndpointVersion,
  ZipkinConfigSchema,
} from '../../../../gen/envoy/config/trace/v3/zipkin_pb.js';
import { DynatraceResourceDetectorConfigSchema } from '../../../../gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/dynatrace_resource_detector_pb.js';
import { EnvironmentResourceDetectorConfigSchema } from '../../../../gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.js';
import { DynatraceSamplerConfigSchema } from '../../../../gen/envoy/extensions/tracers/opentelemetry/samplers/v3/dynatrace_sampler_pb.js';
import type {
  OpenTelemetryProvider,
  ProviderHeader,
  ProviderHttpService,
  ZipkinProvider,
} from '../../../../mesh/config/schemas/extension-provider.ts';
import { durationOf, durationOfMs } from '../routes/duration.ts';
import { grpcServiceOf, type ProviderTarget, type ServiceTarget } from './providers.ts';
import type { SpanIdentity } from './span-identity.ts';

/** Spans are sent in the background: a receiver that is slow for longer only costs memory. */
const exportTimeoutMs = 10_000;
/** Istio's default for Zipkin's receivers. */
const zipkinTimeoutMs = 5_000;

/** The tracer of a provider; undefined where it is none that traces, or lacks what its sampler needs. */
export function tracerOf(target: ProviderTarget, { service }: SpanIdentity) {
  const { opentelemetry, zipkin, skywalking, datadog } = target.provider;
  if (opentelemetry) return openTelemetryTracer(target, opentelemetry, service);
  if (zipkin) return zipkinTracer(target, zipkin);
  if (skywalking) {
    // Envoy names the service and the instance itself, as its node is called.
    const config = create(SkyWalkingConfigSchema, { grpcService: grpcServiceOf(target) });
    return extension('envoy.tracers.skywalking', SkyWalkingConfigSchema, config);
  }
  return datadog && datadogTracer(target, service);
}

function datadogTracer({ cluster, authority }: ProviderTarget, service: SpanIdentity['service']) {
  const config = create(DatadogConfigSchema, {
    collectorCluster: cluster,
    collectorHostname: authority,
    // Envoy refuses an empty one.
    serviceName: service.cluster || 'unknown_service',
  });
  return extension('envoy.tracers.datadog', DatadogConfigSchema, config);
}

function openTelemetryTracer(
  target: ProviderTarget,
  provider: OpenTelemetryProvider,
  service: SpanIdentity['service'],
) {
  const { http, grpc, dynatraceSampler: sampler } = provider;
  const samplerConfig = sampler && dynatraceSampler(target, provider, sampler);
  // As in Istio, nothing is traced where a sampler can't be asked: all spans would be sent instead.
  if (sampler && samplerConfig === undefined) return undefined;
  const config = create(OpenTelemetryConfigSchema, {
    serviceName: isEnriched(provider) ? service.semantic : service.cluster,
    resourceDetectors: resourceDetectors(provider),
    ...(samplerConfig ? { sampler: samplerConfig } : {}),
    ...(http
      ? { httpService: httpService(target, http, exportTimeoutMs) }
      : {
          grpcService: {
            ...grpcServiceOf(target),
            timeout: grpc?.timeout ? durationOf(grpc.timeout) : durationOfMs(exportTimeoutMs),
            initialMetadata: headersOf(grpc?.initialMetadata),
          },
        }),
  });
  return extension('envoy.tracers.opentelemetry', OpenTelemetryConfigSchema, config);
}

/** OpenTelemetry's conventions name the service, and the proxy's OTEL_RESOURCE_ATTRIBUTES may say more, or other. */
function isEnriched({ serviceAttributeEnrichment }: OpenTelemetryProvider): boolean {
  return serviceAttributeEnrichment === 'OTEL_SEMANTIC_CONVENTIONS';
}

function resourceDetectors(provider: OpenTelemetryProvider) {
  const asked = provider.resourceDetectors;
  const name = (detector: string) => `envoy.tracers.opentelemetry.resource_detectors.${detector}`;
  const environment = EnvironmentResourceDetectorConfigSchema;
  const dynatrace = DynatraceResourceDetectorConfigSchema;
  return [
    ...(asked?.environment || isEnriched(provider)
      ? [packed(name('environment'), environment, create(environment))]
      : []),
    ...(asked?.dynatrace ? [packed(name('dynatrace'), dynatrace, create(dynatrace))] : []),
  ];
}

/** Asks the sampler's own service, else the one that spans are sent to, with the exporter's headers. */
function dynatraceSampler(
  target: ProviderTarget,
  { http }: OpenTelemetryProvider,
  sampler: NonNullable<OpenTelemetryProvider['dynatraceSampler']>,
) {
  const { tenant = '', clusterId = 0, rootSpansPerMinute = 0 } = sampler;
  const own = sampler.httpService;
  const asked = own ? target.sampler : target;
  const how = own ? (own.http ?? {}) : http && { ...http, path: '/api/v2/samplingConfiguration' };
  if (asked === undefined || how === undefined) return undefined;
  const service = httpService(asked, how, exportTimeoutMs);
  const config = create(DynatraceSamplerConfigSchema, { tenant, clusterId, rootSpansPerMinute, httpService: service });
  return packed('envoy.tracers.opentelemetry.samplers.dynatrace', DynatraceSamplerConfigSchema, config);
}

function zipkinTracer(target: ProviderTarget, { path, timeout, headers, ...provider }: ZipkinProvider) {
  const service = httpService(
    target,
    { path: path || '/api/v2/spans', ...(timeout ? { timeout } : {}), ...(headers ? { headers } : {}) },
    zipkinTimeoutMs,
  );
  const config = create(ZipkinConfigSchema, {
    collectorEndpointVersion: ZipkinConfig_CollectorEndpointVersion.HTTP_JSON,
    traceId128bit: provider.enable64bitTraceId !== true,
    sharedSpanContext: false,
  });
  // Newer than the API that our protobuf code is made from: 8 is trace_context_option, 9 is collector_service.
  const withW3c = provider.traceContextOption === 'USE_B3_WITH_W3C_PROPAGATION';
  const collector = new BinaryWriter().bytes(toBinary(HttpServiceSchema, create(HttpServiceSchema, service))).finish();
  config.$unknown = [
    ...(withW3c ? [{ no: 8, wireType: WireType.Varint, data: new BinaryWriter().int32(1).finish() }] : []),
    { no: 9, wireType: WireType.LengthDelimited, data: collector },
  ];
  return extension('envoy.tracers.zipkin', ZipkinConfigSchema, config);
}

function httpService(
  { cluster, authority }: ServiceTarget,
  { path = '', timeout, headers }: ProviderHttpService,
  defaultTimeoutMs: number,
): MessageInitShape<typeof HttpServiceSchema> {
  return {
    httpUri: {
      uri: `http://${authority}${path.startsWith('/') ? '' : '/'}${path}`,
      httpUpstreamType: { case: 'cluster', value: cluster },
      timeout: timeout ? durationOf(timeout) : durationOfMs(defaultTimeoutMs),
    },
    requestHeadersToAdd: headersOf(headers).map((header) => ({
      header,
      appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    })),
  };
}

/** Values that `envName` stands for are in already (environment-headers.ts). */
function headersOf(headers: readonly ProviderHeader[] = []) {
  return headers.map(({ name, value = '' }) => ({ key: name, value }));
}

function packed<Desc extends DescMessage>(name: string, schema: Desc, value: MessageShape<Desc>) {
  return { name, typedConfig: anyPack(schema, value) };
}

function extension<Desc extends DescMessage>(name: string, schema: Desc, value: MessageShape<Desc>) {
  return { name, configType: { case: 'typedConfig' as const, value: anyPack(schema, value) } };
}
