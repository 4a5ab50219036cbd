// Auto-mTLS on the calling side: each endpoint that takes the mesh's mutual TLS gets it, the others plaintext, with no DestinationRule.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { ConfigResource, Endpoint } from '../../../../events/model.ts';
import {
  type Cluster_TransportSocketMatch,
  Cluster_TransportSocketMatchSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { RawBufferSchema } from '../../../../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { type Bans, isBanned, noBans } from '../../../../mesh/bans.ts';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { PeerAuthenticationSpec } from '../../../../mesh/config/schemas/peer-authentication.ts';
import type { ClusterSpec } from '../clusters/cluster-spec.ts';
import { meshSocket } from '../clusters/upstream-tls.ts';
import type { ProxyContext } from '../proxy-context.ts';
import type { Federation } from './federation.ts';
import { modeOfPort, mutualTlsModes } from './mutual-tls-mode.ts';
import { trustDomainsOf } from './trust-domains.ts';

/** Label of workloads whose proxy has an SVID (Istio's). */
const tlsModeLabel = 'security.istio.io/tlsMode';

/** Whether a client with an identity uses mutual TLS with what a cluster's endpoints say of themselves. */
export function usesAutoMutualTls(
  spec: ClusterSpec,
  context: Pick<ProxyContext, 'identity'>,
  mesh: MeshConfig,
): boolean {
  return (
    context.identity !== undefined &&
    mesh.enableAutoMtls !== false &&
    spec.policy.tls === undefined &&
    spec.service.location === 'MESH_INTERNAL' &&
    spec.discovery !== 'ORIGINAL_DST'
  );
}

/** Whether an endpoint takes mutual TLS at a port: its proxy has an identity, and no PeerAuthentication says DISABLE. */
export function takesMutualTls(
  { labels, namespace }: Endpoint,
  port: number,
  policies: readonly ConfigResource<PeerAuthenticationSpec>[],
  rootNamespace: string,
): boolean {
  if (labels[tlsModeLabel] !== 'istio') return false;
  if (policies.length === 0) return true;
  return modeOfPort(mutualTlsModes(policies, { rootNamespace, namespace, labels }), port) !== 'DISABLE';
}

/**
 * SPIFFE IDs that a service's endpoints may show, sorted, banned ones left out; empty where one of them has no known service account:
 * then any of the mesh's will do.
 */
export function serverIdentities(
  endpoints: readonly Endpoint[],
  mesh: MeshConfig,
  bans: Bans = noBans,
): readonly string[] {
  const withTls = endpoints.filter(({ labels }) => labels[tlsModeLabel] === 'istio');
  if (withTls.some(({ serviceAccount }) => !serviceAccount)) return [];
  const accepted = withTls.filter(
    ({ namespace, serviceAccount = '' }) => !isBanned(bans, { namespace, serviceAccount }, mesh),
  );
  if (withTls.length > 0 && accepted.length === 0) return [nobodysName];
  const paths = accepted.map(({ namespace, serviceAccount }) => `ns/${namespace}/sa/${serviceAccount}`);
  const ids = trustDomainsOf(mesh).flatMap((domain) => paths.map((path) => `spiffe://${domain}/${path}`));
  return [...new Set(ids)].sort();
}

/** No certificate has it: it is no SPIFFE ID. An empty list would accept everybody. */
const nobodysName = 'spiffe://nobody/';

/** Mutual TLS for endpoints whose metadata say so (`tlsMode: istio`), plaintext for the rest; names are Istio's. */
export function autoTlsMatches(
  spec: ClusterSpec,
  options: {
    readonly isHttp2: boolean;
    readonly identities: readonly string[];
    readonly mesh: MeshConfig;
    readonly federation?: Federation | undefined;
  },
): Cluster_TransportSocketMatch[] {
  const { isHttp2, identities, mesh, federation } = options;
  const tls = { mode: 'ISTIO_MUTUAL', subjectAltNames: identities } as const;
  const trusted = trustDomainsOf(mesh).map((domain) => `spiffe://${domain}/`);
  const plaintext = { name: 'envoy.transport_sockets.raw_buffer', configType: rawBuffer };
  return [
    create(Cluster_TransportSocketMatchSchema, {
      name: 'tlsMode-istio',
      match: { tlsMode: 'istio' },
      transportSocket: meshSocket({ spec, isHttp2, tls, federation, ...(identities.length === 0 ? { trusted } : {}) }),
    }),
    create(Cluster_TransportSocketMatchSchema, { name: 'tlsMode-disabled', match: {}, transportSocket: plaintext }),
  ];
}

const rawBuffer = { case: 'typedConfig' as const, value: anyPack(RawBufferSchema, create(RawBufferSchema)) };
