// Trust domains that this mesh is federated with: each one's certificates are checked with that one's authorities and no others'.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { DataSourceSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from '../../../../gen/envoy/config/core/v3/extension_pb.js';
import { SPIFFECertValidatorConfigSchema } from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import type { Memo } from '../memo.ts';
import { trustDomainsOf } from './trust-domains.ts';

/** What proxies need to know of other trust domains. */
export interface Federation {
  /** The federated ones, sorted. */
  readonly trustDomains: readonly string[];
  /** Checks certificates by trust domain (Envoy's `envoy.tls.cert_validator.spiffe`), our own included. */
  readonly validator: TypedExtensionConfig;
}

/**
 * The federation; undefined while there is none, or no Citadel of this log has said what our own authorities are. The same object while
 * nothing it was made from changes.
 */
export function federationOf({ trustBundles, mesh }: Snapshot, memo: Memo): Federation | undefined {
  const { own, federated } = trustBundles;
  const ownRoots = own.get(mesh.trustDomain);
  if (federated.size === 0 || ownRoots === undefined) return undefined;
  return memo.get('federation', [trustBundles, mesh], () => {
    const ours = trustDomainsOf(mesh);
    // A federated mesh never vouches for our own names.
    const others = [...federated].filter(([domain]) => !ours.includes(domain));
    const bundles = [...ours.map((domain) => [domain, own.get(domain) ?? ownRoots] as const), ...others];
    const config = create(SPIFFECertValidatorConfigSchema, {
      trustDomains: bundles.map(([name, roots]) => ({
        name,
        trustBundle: create(DataSourceSchema, { specifier: { case: 'inlineString', value: roots.join('') } }),
      })),
    });
    const typedConfig = anyPack(SPIFFECertValidatorConfigSchema, config);
    const validator = create(TypedExtensionConfigSchema, { name: 'envoy.tls.cert_validator.spiffe', typedConfig });
    return { trustDomains: others.map(([domain]) => domain), validator };
  });
}

/** A part of a validation context: nothing without a federation. */
export function federatedValidation(federation: Federation | undefined) {
  return federation ? { customValidatorConfig: federation.validator } : {};
}
