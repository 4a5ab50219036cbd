// MeshConfig.extensionProviders (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider): external authorizers.
import { duration, flag, list, map, object, openObject, required, type Static, text, uint32 } from './schema.ts';

const bodySchema = object({ maxRequestBytes: uint32, allowPartialMessage: flag, packAsBytes: flag });
const common = {
  service: required(text),
  port: required(uint32),
  timeout: duration,
  failOpen: flag,
  clearRouteCache: flag,
  statusOnError: text,
  includeRequestBodyInCheck: bodySchema,
} as const;
const httpSchema = object({
  ...common,
  pathPrefix: text,
  includeHeadersInCheck: list(text),
  includeRequestHeadersInCheck: list(text),
  includeAdditionalHeadersInCheck: map(text),
  headersToUpstreamOnAllow: list(text),
  headersToDownstreamOnDeny: list(text),
  headersToDownstreamOnAllow: list(text),
});
const grpcSchema = object(common);

/** Schema of one provider; tracing, metrics and logging providers are accepted and have no effect. */
export const extensionProviderSchema = openObject({
  name: required(text),
  envoyExtAuthzHttp: httpSchema,
  envoyExtAuthzGrpc: grpcSchema,
});

/** A provider. */
export interface ExtensionProvider extends Static<typeof extensionProviderSchema> {}
/** An authorizer that is asked over HTTP. */
export interface ExtAuthzHttpProvider extends Static<typeof httpSchema> {}
/** An authorizer that is asked over gRPC. */
export interface ExtAuthzGrpcProvider extends Static<typeof grpcSchema> {}
