// Metadata that tells which resource a route or filter chain came from, as Istio writes it and its tools read it.
import { create } from '@bufbuild/protobuf';
import { type Metadata, MetadataSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';

/** `filter_metadata.istio.config`: `/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews`. */
export function configMetadata(resource: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): Metadata {
  const kind = resource.kind.replaceAll(/(?<=.)([A-Z])/g, '-$1').toLowerCase();
  const config = `/apis/networking.istio.io/v1/namespaces/${resource.namespace}/${kind}/${resource.name}`;
  return create(MetadataSchema, { filterMetadata: { istio: { config } } });
}
