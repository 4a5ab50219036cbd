// TLS and PROXY protocol towards a destination: ClientTLSSettings of a DestinationRule as a cluster's transport socket.
import { isIP } from 'node:net';
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  DataSourceSchema,
  type TransportSocket,
  TransportSocketSchema,
} from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type UpstreamHttpProtocolOptions,
  UpstreamHttpProtocolOptionsSchema,
} from '../../../../gen/envoy/config/core/v3/protocol_pb.js';
import {
  ProxyProtocolConfig_Version,
  ProxyProtocolConfigSchema,
} from '../../../../gen/envoy/config/core/v3/proxy_protocol_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '../../../../gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { RawBufferSchema } from '../../../../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import {
  type CertificateValidationContext,
  CertificateValidationContextSchema,
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
  TlsCertificateSchema,
  type TlsParameters,
  TlsParameters_TlsProtocol,
  TlsParametersSchema,
} from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  type CommonTlsContext,
  CommonTlsContext_CombinedCertificateValidationContextSchema,
  CommonTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ClientTLSSettings, TrafficPolicy } from '../../../../mesh/config/schemas/destination-rule.ts';
import { isCipherSuite, isCurve, usable } from '../../../../mesh/config/tls-parameters.ts';
import { dnsSrvSubsetKey } from '../names.ts';
import { type Federation, federatedValidation } from '../security/federation.ts';
import type { ClusterSpec } from './cluster-spec.ts';
import { adsSecret, agentSecret, caSecretName, certificateSecretName } from './secret-config.ts';

/** Where Linux distributions keep the authorities that they trust; used when a SIMPLE rule names none. */
const systemAuthorities = '/etc/ssl/certs/ca-certificates.crt';

/** What a cluster's TLS depends on besides its settings. */
export interface UpstreamTlsOptions {
  readonly spec: ClusterSpec;
  readonly isHttp2: boolean;
  readonly tls: ClientTLSSettings;
  /** Other trust domains whose servers are known by their own authorities. */
  readonly federation?: Federation | undefined;
  /** Ciphers and curves, for TLS other than the mesh's own. */
  readonly defaults?: MeshConfig['tlsDefaults'] | undefined;
  /** The agent serves no secrets. */
  readonly isWithoutIdentity?: boolean;
}

/**
 * An agent would have answered by then. Waiting for ever for one that has no secrets would keep the cluster warming, and Envoy takes no
 * further clusters meanwhile; so its connections fail instead.
 */
const secretlessWaitSeconds = 1;

/** `inner`, absent for plain TCP, told first whose connection it is where a policy says `proxyProtocol`. */
export function withProxyProtocol<Inner extends TransportSocket | undefined>(
  inner: Inner,
  { proxyProtocol }: TrafficPolicy,
): Inner | TransportSocket {
  if (proxyProtocol === undefined) return inner;
  const version = proxyProtocol.version === 'V2' ? ProxyProtocolConfig_Version.V2 : ProxyProtocolConfig_Version.V1;
  const message = create(ProxyProtocolUpstreamTransportSchema, {
    config: create(ProxyProtocolConfigSchema, { version }),
    transportSocket: inner ?? socket('envoy.transport_sockets.raw_buffer', RawBufferSchema, create(RawBufferSchema)),
  });
  return socket('envoy.transport_sockets.upstream_proxy_protocol', ProxyProtocolUpstreamTransportSchema, message);
}

/** Without an SNI of its own a TLS destination gets each request's host as SNI and is checked against it, as in Istio. */
export function autoSni(policy: Pick<TrafficPolicy, 'tls'>): UpstreamHttpProtocolOptions | undefined {
  const { tls } = policy;
  if ((tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') || tls.sni) return undefined;
  const checksAnyName = (tls.subjectAltNames ?? []).length === 0 && tls.insecureSkipVerify !== true;
  return create(UpstreamHttpProtocolOptionsSchema, { autoSni: true, autoSanValidation: checksAnyName });
}

/** The socket for a policy's `tls`; undefined for plain TCP. */
export function tlsSocket(options: UpstreamTlsOptions): TransportSocket | undefined {
  const { tls } = options;
  switch (tls.mode) {
    case undefined:
    case 'DISABLE':
      return undefined;
    case 'SIMPLE':
    case 'MUTUAL':
      return upstreamTls(originationContext({ ...options, names: acceptedNames(options.spec, tls) }), tls.sni ?? '');
    case 'ISTIO_MUTUAL':
      return meshSocket(options);
    default:
      return tls.mode satisfies never;
  }
}

function upstreamTls(commonTlsContext: CommonTlsContext, sni: string): TransportSocket {
  return socket(
    'envoy.transport_sockets.tls',
    UpstreamTlsContextSchema,
    create(UpstreamTlsContextSchema, { commonTlsContext, sni }),
  );
}

/** The mesh's own mutual TLS. Without `subjectAltNames` servers must have a name that begins with one of `trusted`, if given. */
export function meshSocket(options: UpstreamTlsOptions & { readonly trusted?: readonly string[] }): TransportSocket {
  const { port, subset, service } = options.spec;
  const context = meshContext(options);
  const { validationContextType: checks } = context;
  if (options.trusted && checks.case === 'combinedValidationContext') {
    checks.value.defaultValidationContext = create(CertificateValidationContextSchema, {
      ...federatedValidation(options.federation),
      matchTypedSubjectAltNames: options.trusted.map((value) => ({
        sanType: SubjectAltNameMatcher_SanType.URI,
        matcher: { matchPattern: { case: 'prefix' as const, value } },
      })),
    });
  }
  const sni = options.tls.sni || dnsSrvSubsetKey('outbound', port.port, subset?.name ?? '', service.hostname);
  return upstreamTls(context, sni);
}

/** TLS with the mesh's own certificates, which the agent serves. */
function meshContext({ spec, tls, isHttp2, federation, isWithoutIdentity }: UpstreamTlsOptions): CommonTlsContext {
  const waitSeconds = isWithoutIdentity ? secretlessWaitSeconds : 0;
  return create(CommonTlsContextSchema, {
    tlsParams: modernTls(),
    alpnProtocols: isHttp2 ? ['istio', 'h2'] : ['istio'],
    tlsCertificateSdsSecretConfigs: [agentSecret('default', waitSeconds)],
    validationContextType: {
      case: 'combinedValidationContext',
      value: create(CommonTlsContext_CombinedCertificateValidationContextSchema, {
        defaultValidationContext: create(CertificateValidationContextSchema, {
          ...validation(acceptedNames(spec, tls)),
          ...federatedValidation(federation),
        }),
        validationContextSdsSecretConfig: agentSecret('ROOTCA', waitSeconds),
      }),
    },
  });
}

/** Envoy's own default for clients ends at 1.2. */
function modernTls({ cipherSuites, ecdhCurves }: NonNullable<MeshConfig['tlsDefaults']> = {}): TlsParameters {
  return create(TlsParametersSchema, {
    cipherSuites: usable(cipherSuites ?? [], isCipherSuite),
    ecdhCurves: usable(ecdhCurves ?? [], isCurve),
    tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
    tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
  });
}

interface Origination extends Pick<UpstreamTlsOptions, 'tls' | 'isHttp2' | 'defaults'> {
  /** Accepted of the server. */
  readonly names: readonly string[];
}

/** TLS towards hosts that no service stands for, checked by the names that requests give; undefined for plaintext. */
export function strangerSocket(
  tls: ClientTLSSettings,
  defaults: UpstreamTlsOptions['defaults'],
): TransportSocket | undefined {
  const { credentialName: _, ...files } = tls; // which sidecars are not given
  if (files.mode !== 'SIMPLE' && files.mode !== 'MUTUAL') return undefined;
  return upstreamTls(
    originationContext({ tls: files, names: files.subjectAltNames ?? [], isHttp2: false, defaults }),
    files.sni ?? '',
  );
}

/** TLS that the user set up: certificates from files on the proxy's disk or from a named credential. */
function originationContext({ tls, names, isHttp2, defaults }: Origination): CommonTlsContext {
  const context = create(CommonTlsContextSchema, {
    tlsParams: modernTls(defaults),
    alpnProtocols: isHttp2 ? ['h2'] : [],
  });
  if (tls.credentialName) {
    if (tls.mode === 'MUTUAL')
      context.tlsCertificateSdsSecretConfigs = [adsSecret(certificateSecretName(tls.credentialName))];
    if (tls.insecureSkipVerify === true) return context;
    context.validationContextType = {
      case: 'combinedValidationContext',
      value: create(CommonTlsContext_CombinedCertificateValidationContextSchema, {
        defaultValidationContext: validation(names),
        validationContextSdsSecretConfig: adsSecret(caSecretName(tls.credentialName)),
      }),
    };
    return context;
  }
  // Without files (a credential that a sidecar may not fetch) none is shown, and the server decides.
  if (tls.mode === 'MUTUAL' && tls.clientCertificate) context.tlsCertificates = [fileCertificate(tls)];
  if (tls.insecureSkipVerify === true) return context;
  const checks = validation(names);
  checks.trustedCa = fileSource(tls.caCertificates || systemAuthorities);
  if (tls.caCrl) checks.crl = fileSource(tls.caCrl);
  context.validationContextType = { case: 'validationContext', value: checks };
  return context;
}

function fileCertificate({ clientCertificate, privateKey }: ClientTLSSettings) {
  return create(TlsCertificateSchema, {
    certificateChain: fileSource(clientCertificate ?? ''),
    privateKey: fileSource(privateKey ?? ''),
  });
}

function fileSource(path: string) {
  return create(DataSourceSchema, { specifier: { case: 'filename', value: path } });
}

/** The rule's names, else those that the service's ServiceEntry lists. */
function acceptedNames({ service }: ClusterSpec, tls: ClientTLSSettings): readonly string[] {
  return tls.subjectAltNames?.length ? tls.subjectAltNames : (service.subjectAltNames ?? []);
}

function validation(names: readonly string[]): CertificateValidationContext {
  return create(CertificateValidationContextSchema, { matchTypedSubjectAltNames: names.map(sanMatcher) });
}

/** Matches one subject alternative name, of the type that the name has the form of. */
export function sanMatcher(name: string): SubjectAltNameMatcher {
  return create(SubjectAltNameMatcherSchema, {
    sanType: sanType(name),
    matcher: { matchPattern: { case: 'exact', value: name } },
  });
}

function sanType(name: string): SubjectAltNameMatcher_SanType {
  if (name.includes('://')) return SubjectAltNameMatcher_SanType.URI;
  if (isIP(name) !== 0) return SubjectAltNameMatcher_SanType.IP_ADDRESS;
  return name.includes('@') ? SubjectAltNameMatcher_SanType.EMAIL : SubjectAltNameMatcher_SanType.DNS;
}

function socket<Desc extends DescMessage>(name: string, schema: Desc, message: MessageShape<Desc>): TransportSocket {
  const typedConfig = anyPack(schema, message);
  return create(TransportSocketSchema, { name, configType: { case: 'typedConfig', value: typedConfig } });
}
