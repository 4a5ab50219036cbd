// HTTP/1 header names in the case in which they came: Istio's ProxyConfig.proxyHeaders.preserveHttp1HeaderCase.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Http1ProtocolOptionsSchema } from '../../../../gen/envoy/config/core/v3/protocol_pb.js';
import { PreserveCaseFormatterConfigSchema } from '../../../../gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';

/** Whether the mesh, or the proxy's own ProxyConfig, asks for it. */
export function keepsHeaderCase({ proxyHeaders }: Pick<MeshConfig, 'proxyHeaders'>): boolean {
  return proxyHeaders?.preserveHttp1HeaderCase === true;
}

/** Options of HTTP/1 that keep it; listeners and clusters both need them (envoyproxy.io, "Header casing"). */
export const preservedCase: MessageInitShape<typeof Http1ProtocolOptionsSchema> = {
  headerKeyFormat: {
    headerFormat: {
      case: 'statefulFormatter',
      value: {
        name: 'preserve_case',
        typedConfig: anyPack(PreserveCaseFormatterConfigSchema, create(PreserveCaseFormatterConfigSchema)),
      },
    },
  },
};
