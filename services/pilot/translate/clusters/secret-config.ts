// Where Envoy fetches a certificate or trust bundle from: the agent beside it, or Pilot over ADS.
import { create } from '@bufbuild/protobuf';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '../../../../gen/envoy/config/core/v3/config_source_pb.js';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';

/** Static cluster of the bootstrap that reaches the agent's SDS socket (Istio's name). */
export const agentSdsCluster = 'sds-grpc';

/** A secret of the workload itself, from its agent: `default` (its SVID) or `ROOTCA` (the mesh's trust bundle). `waitSeconds` 0: for ever. */
export function agentSecret(name: 'default' | 'ROOTCA', waitSeconds = 0): SdsSecretConfig {
  const sdsConfig = create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    initialFetchTimeout: { seconds: BigInt(waitSeconds) },
    configSourceSpecifier: {
      case: 'apiConfigSource',
      value: {
        apiType: ApiConfigSource_ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ targetSpecifier: { case: 'envoyGrpc', value: { clusterName: agentSdsCluster } } }],
      },
    },
  });
  return create(SdsSecretConfigSchema, { name, sdsConfig });
}

/** A secret by name over ADS. With Envoy's own time limit of 15 s: one that is not there must not hold back a whole listener or start. */
export function adsSecret(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, {
    name,
    sdsConfig: { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3 },
  });
}

/** Istio's SDS name of a credential's certificate: `kubernetes://NAME`. */
export function certificateSecretName(credentialName: string): string {
  return credentialName.includes('://') ? credentialName : `kubernetes://${credentialName}`;
}

/** Istio's SDS name of a credential's CA certificates: `kubernetes://NAME-cacert`. */
export function caSecretName(credentialName: string): string {
  const name = certificateSecretName(credentialName);
  return name.endsWith('-cacert') ? name : `${name}-cacert`;
}

/** "Ask on this same ADS stream", waiting as long as it takes. */
export function adsSource(): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    // Envoy's default of 15 s would activate a cluster without endpoints when Pilot is slow; Istio waits for ever, too.
    initialFetchTimeout: { seconds: 0n },
    configSourceSpecifier: { case: 'ads', value: {} },
  });
}
