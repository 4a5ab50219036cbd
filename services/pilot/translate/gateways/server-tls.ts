// TLS that ends at a gateway: a Gateway server's settings as Envoy's downstream TLS context.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { type TransportSocket, TransportSocketSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type CertificateValidationContext,
  CertificateValidationContext_TrustChainVerification,
  CertificateValidationContextSchema,
  TlsCertificateSchema,
  TlsParameters_TlsProtocol,
  TlsParametersSchema,
} from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SdsSecretConfig } from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
} from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ServerTLSSettings } from '../../../../mesh/config/schemas/gateway.ts';
import { isCipherSuite, isCurve, usable } from '../../../../mesh/config/tls-parameters.ts';
import { adsSecret, agentSecret, caSecretName, certificateSecretName } from '../clusters/secret-config.ts';
import { sanMatcher } from '../clusters/upstream-tls.ts';

const protocols: Readonly<Record<string, TlsParameters_TlsProtocol>> = {
  TLSV1_0: TlsParameters_TlsProtocol.TLSv1_0,
  TLSV1_1: TlsParameters_TlsProtocol.TLSv1_1,
  TLSV1_2: TlsParameters_TlsProtocol.TLSv1_2,
  TLSV1_3: TlsParameters_TlsProtocol.TLSv1_3,
};

/** Where TLS ends. */
export interface ServerTlsOptions {
  readonly isHttp: boolean;
  readonly mesh: Pick<MeshConfig, 'tlsDefaults'>;
}

/** The transport socket of a server that ends TLS (istio.io/latest/docs/reference/config/networking/gateway/#ServerTLSSettings). */
export function serverTlsSocket(tls: ServerTLSSettings, options: ServerTlsOptions): TransportSocket {
  const requiresClient = tls.mode === 'MUTUAL' || tls.mode === 'ISTIO_MUTUAL';
  const context = create(DownstreamTlsContextSchema, {
    requireClientCertificate: requiresClient,
    commonTlsContext: commonContext(tls, options),
  });
  return create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: anyPack(DownstreamTlsContextSchema, context) },
  });
}

/** What the mesh's clients offer on TCP connections with mutual TLS. */
const alpnOfTcp = ['istio-peer-exchange', 'h2', 'http/1.1'];

function commonContext(tls: ServerTLSSettings, { isHttp, mesh }: ServerTlsOptions): CommonTlsContext {
  const alpnProtocols = isHttp || tls.mode !== 'ISTIO_MUTUAL' ? ['h2', 'http/1.1'] : alpnOfTcp;
  const context = create(CommonTlsContextSchema, { alpnProtocols });
  if (tls.mode === 'ISTIO_MUTUAL') useWorkloadIdentity(context, tls);
  else {
    const names = tls.credentialNames?.length ? tls.credentialNames : tls.credentialName ? [tls.credentialName] : [];
    const [first] = names;
    if (first !== undefined) useCredentials(context, tls, names, first);
    else useFiles(context, tls);
    setParameters(context, tls, mesh.tlsDefaults);
  }
  return context;
}

function useWorkloadIdentity(context: CommonTlsContext, tls: ServerTLSSettings): void {
  context.tlsCertificateSdsSecretConfigs = [agentSecret('default')];
  setValidation(context, validation(tls), agentSecret('ROOTCA'));
}

function useCredentials(
  context: CommonTlsContext,
  tls: ServerTLSSettings,
  names: readonly string[],
  first: string,
): void {
  context.tlsCertificateSdsSecretConfigs = names.map((name) => adsSecret(certificateSecretName(name)));
  if (validatesClients(tls)) {
    setValidation(context, validation(tls), adsSecret(caSecretName(tls.caCertCredentialName || first)));
  } else if (tls.subjectAltNames?.length) {
    context.validationContextType = { case: 'validationContext', value: validation(tls) };
  }
}

function useFiles(context: CommonTlsContext, tls: ServerTLSSettings): void {
  const pairs = tls.tlsCertificates?.length ? tls.tlsCertificates : [tls];
  context.tlsCertificates = pairs.map(({ serverCertificate, privateKey }) =>
    create(TlsCertificateSchema, {
      certificateChain: { specifier: { case: 'filename', value: serverCertificate ?? '' } },
      privateKey: { specifier: { case: 'filename', value: privateKey ?? '' } },
    }),
  );
  if (!validatesClients(tls)) return;
  const value = validation(tls);
  const files = create(CertificateValidationContextSchema, {
    ...(tls.caCertificates ? { trustedCa: { specifier: { case: 'filename', value: tls.caCertificates } } } : {}),
    ...(tls.caCrl ? { crl: { specifier: { case: 'filename', value: tls.caCrl } } } : {}),
  });
  context.validationContextType = { case: 'validationContext', value: { ...value, ...pickSet(files) } };
}

function pickSet({ trustedCa, crl }: CertificateValidationContext) {
  return { ...(trustedCa ? { trustedCa } : {}), ...(crl ? { crl } : {}) };
}

function validatesClients({ mode }: ServerTLSSettings): boolean {
  return mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL' || mode === 'ISTIO_MUTUAL';
}

function setValidation(context: CommonTlsContext, value: CertificateValidationContext, secret: SdsSecretConfig): void {
  context.validationContextType = create(CommonTlsContextSchema, {
    validationContextType: {
      case: 'combinedValidationContext',
      value: { defaultValidationContext: value, validationContextSdsSecretConfig: secret },
    },
  }).validationContextType;
}

function validation(tls: ServerTLSSettings): CertificateValidationContext {
  return create(CertificateValidationContextSchema, {
    matchTypedSubjectAltNames: (tls.subjectAltNames ?? []).map(sanMatcher),
    verifyCertificateSpki: [...(tls.verifyCertificateSpki ?? [])],
    verifyCertificateHash: [...(tls.verifyCertificateHash ?? [])],
    ...(tls.insecureSkipVerify
      ? { trustChainVerification: CertificateValidationContext_TrustChainVerification.ACCEPT_UNTRUSTED }
      : {}),
  });
}

/** The mesh's defaults, where the server sets nothing of its own. */
function setParameters(
  context: CommonTlsContext,
  tls: ServerTLSSettings,
  defaults: MeshConfig['tlsDefaults'] = {},
): void {
  const min = protocols[tls.minProtocolVersion ?? ''] ?? protocols[defaults.minProtocolVersion ?? ''];
  const max = protocols[tls.maxProtocolVersion ?? ''];
  const cipherSuites = usable(firstOf(tls.cipherSuites, defaults.cipherSuites), isCipherSuite);
  const ecdhCurves = usable(firstOf(tls.ecdhCurves, defaults.ecdhCurves), isCurve);
  if (min === undefined && max === undefined && cipherSuites.length === 0 && ecdhCurves.length === 0) return;
  context.tlsParams = create(TlsParametersSchema, {
    cipherSuites,
    ecdhCurves,
    ...(min === undefined ? {} : { tlsMinimumProtocolVersion: min }),
    ...(max === undefined ? {} : { tlsMaximumProtocolVersion: max }),
  });
}

function firstOf(own: readonly string[] | undefined, otherwise: readonly string[] | undefined): string[] {
  return [...(own?.length ? own : (otherwise ?? []))];
}
