// Metadata of clusters as Istio writes it: the services behind it, its subset and the rule that shaped it.
import { create, type JsonObject } from '@bufbuild/protobuf';
import type { Service } from '../../../../events/model.ts';
import { type Metadata, MetadataSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { namesInHost } from '../../../../mesh/telemetry/standard-labels.ts';
import type { MergedRule } from '../destination-rules.ts';

/** `filter_metadata.istio` of a cluster: `{config, services: [{host, name, namespace}], subset}`. */
export function clusterMetadata(options: {
  readonly services: readonly Service[];
  readonly subset?: string | undefined;
  readonly rule?: MergedRule | undefined;
  /** Whether the proxy's metrics read `periplus.service`: `NAME;NAMESPACE` where the hostname does not tell them. */
  readonly isReported?: boolean;
}): Metadata {
  const { services, subset, rule } = options;
  const istio: JsonObject = {};
  if (rule !== undefined) {
    const [{ namespace, name }] = rule.resources;
    istio.config = `/apis/networking.istio.io/v1alpha3/namespaces/${namespace}/destination-rule/${name}`;
  }
  if (services.length > 0) {
    istio.services = services.map(({ hostname, name, namespace }) => ({ host: hostname, name, namespace }));
  }
  if (subset !== undefined) istio.subset = subset;
  const [service] = services;
  const told = service && namesInHost(service.hostname);
  const isTold = told === undefined || (told[0] === service?.name && told[1] === service.namespace);
  const extra = options.isReported && service && (told === undefined || !isTold);
  return create(MetadataSchema, {
    filterMetadata: { istio, ...(extra ? { periplus: { service: `${service.name};${service.namespace}` } } : {}) },
  });
}
