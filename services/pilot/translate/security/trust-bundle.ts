// The trust bundle as agents are sent it: Istio's PCDS, a ProxyConfig with the roots of the mesh's trust domain.
import { create } from '@bufbuild/protobuf';
import { ProxyConfigSchema } from '../../../../gen/istio/mesh/v1alpha1/proxy_config_pb.js';
import { encodeResource } from '../encode.ts';
import type { Memo } from '../memo.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import { emptySet, resourceSet } from '../resource-set.ts';
import { type ResourceSet, typeUrls } from '../translation.ts';

/** Name of the resource: Envoy's name for the same content. */
export const trustBundleName = 'ROOTCA';

/** Empty for proxies without an identity, and before there is a CA. */
export function trustBundleSet({ context, snapshot }: ProxyScope, memo: Memo): ResourceSet {
  const { trustDomain } = snapshot.mesh;
  const roots = context.identity === undefined ? undefined : snapshot.trustBundles.own.get(trustDomain);
  if (!roots) return emptySet;
  return memo.get('trust-bundle', [roots], () => {
    const config = create(ProxyConfigSchema, { caCertificatesPem: [...roots] });
    return resourceSet([encodeResource(typeUrls.proxyConfig, trustBundleName, ProxyConfigSchema, config)]);
  });
}
