// The mesh's own mutual TLS on the receiving side: the workload's SVID and trust bundle from its agent, clients of the mesh only.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { type TransportSocket, TransportSocketSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
  TlsParameters_TlsProtocol,
} from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  CommonTlsContext_CombinedCertificateValidationContextSchema,
  DownstreamTlsContextSchema,
} from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { isCipherSuite, usable } from '../../../../mesh/config/tls-parameters.ts';
import { agentSecret } from '../clusters/secret-config.ts';
import { type Federation, federatedValidation } from './federation.ts';
import { trustDomainsOf } from './trust-domains.ts';

/** ALPN names by which the mesh's clients say that HTTP is inside. */
export const meshHttpAlpns = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
/** The same for anything else. */
export const meshTcpAlpns = ['istio-peer-exchange', 'istio'];

/** The transport socket of chains that take mutual TLS. */
export function meshServerSocket(
  mesh: MeshConfig,
  options: { readonly isHttp: boolean; readonly federation: Federation | undefined },
): TransportSocket {
  const { federation } = options;
  const context = create(DownstreamTlsContextSchema, {
    requireClientCertificate: true,
    // A resumed session would not have its certificate looked at again, were it banned meanwhile.
    sessionTicketKeysType: { case: 'disableStatelessSessionResumption', value: true },
    disableStatefulSessionResumption: true,
    commonTlsContext: {
      alpnProtocols: [...(options.isHttp ? [] : ['istio-peer-exchange']), 'h2', 'http/1.1'],
      tlsParams: {
        cipherSuites: usable(mesh.meshMtls?.cipherSuites ?? [], isCipherSuite),
        tlsMinimumProtocolVersion:
          mesh.meshMtls?.minProtocolVersion === 'TLSV1_3'
            ? TlsParameters_TlsProtocol.TLSv1_3
            : TlsParameters_TlsProtocol.TLSv1_2,
        tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
      },
      tlsCertificateSdsSecretConfigs: [agentSecret('default')],
      validationContextType: {
        case: 'combinedValidationContext',
        value: create(CommonTlsContext_CombinedCertificateValidationContextSchema, {
          defaultValidationContext: ofTrustDomains(trustDomainsOf(mesh), federation),
          validationContextSdsSecretConfig: agentSecret('ROOTCA'),
        }),
      },
    },
  });
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: anyPack(DownstreamTlsContextSchema, context) },
  });
}

/** SVIDs of our trust domains and of federated ones: a bundle may hold authorities of others. */
function ofTrustDomains(own: readonly string[], federation: Federation | undefined) {
  return create(CertificateValidationContextSchema, {
    ...federatedValidation(federation),
    matchTypedSubjectAltNames: [...own, ...(federation?.trustDomains ?? [])].map((trustDomain) =>
      create(SubjectAltNameMatcherSchema, {
        sanType: SubjectAltNameMatcher_SanType.URI,
        matcher: { matchPattern: { case: 'prefix', value: `spiffe://${trustDomain}/` } },
      }),
    ),
  });
}
