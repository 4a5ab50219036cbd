// Auto-mTLS on the calling side: each endpoint that takes the mesh's mutual TLS gets it, the others plaintext, with no DestinationRule.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { ConfigResource, Endpoint, Service } from '../../../../events/model.ts';
import {
  type Cluster_TransportSocketMatch,
  Cluster_TransportSocketMatchSchema,
} from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { type TransportSocket, TransportSocketSchema } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { RawBufferSchema } from '../../../../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { type Bans, isBanned, noBans } from '../../../../mesh/bans.ts';
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { PeerAuthenticationSpec } from '../../../../mesh/config/schemas/peer-authentication.ts';
import { serviceEntryPlatform } from '../../../../mesh/service-entry.ts';
import type { ClusterSpec } from '../clusters/cluster-spec.ts';
import { meshSocket } from '../clusters/upstream-tls.ts';
import type { ProxyContext } from '../proxy-context.ts';
import type { Federation } from './federation.ts';
import { modeOfPort, mutualTlsModes } from './mutual-tls-mode.ts';
import { trustDomainsOf } from './trust-domains.ts';

/** Label of workloads whose proxy has an SVID (Istio's). */
const tlsModeLabel = 'security.istio.io/tlsMode';

/** How a client with an identity speaks the mesh's mutual TLS with a cluster, and which names the servers may have: empty for any of the mesh. */
export interface ServerTls {
  /**
   * `each`: with the endpoints that take it. `all`: with every address, where the proxy does not choose among endpoints (Envoy looks up
   * no metadata for an original destination). `rule`: as a DestinationRule says (ISTIO_MUTUAL).
   */
  readonly with: 'each' | 'all' | 'rule';
  readonly identities: readonly string[];
}

/** See `ServerTls`; undefined where a cluster's policy says all, or nothing speaks it. */
export function serverTls(
  spec: ClusterSpec,
  endpoints: readonly Endpoint[],
  proxy: {
    readonly context: Pick<ProxyContext, 'identity'>;
    readonly mesh: MeshConfig;
    readonly bans: Bans;
    readonly takesTls: (endpoint: Endpoint, port: number) => boolean;
  },
): ServerTls | undefined {
  const { context, mesh, bans, takesTls } = proxy;
  const { policy, service, discovery, port } = spec;
  if (context.identity === undefined || spec.passesTls || discovery === 'FORWARD_PROXY') return undefined;
  if (policy.tls !== undefined) {
    if (policy.tls.mode !== 'ISTIO_MUTUAL' || policy.tls.subjectAltNames?.length) return undefined;
    return { with: 'rule', identities: acceptedIdentities(service, endpoints, { mesh, bans }) };
  }
  if (mesh.enableAutoMtls === false || service.location !== 'MESH_INTERNAL') return undefined;
  const withTls = endpoints.filter(({ labels }) => labels[tlsModeLabel] === 'istio');
  const identities = acceptedIdentities(service, withTls, { mesh, bans });
  if (discovery !== 'ORIGINAL_DST') return { with: 'each', identities };
  const atPort = endpoints.filter(({ ports }) => Object.hasOwn(ports, port.name));
  const all = atPort.length > 0 && atPort.every((endpoint) => takesTls(endpoint, endpoint.ports[port.name] ?? 0));
  return all ? { with: 'all', identities } : undefined;
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
 * SPIFFE IDs that the servers of `endpoints` may show, sorted, banned ones left out; empty where one of them has no known service
 * account: then any of the mesh's will do.
 */
export function serverIdentities(
  endpoints: readonly Endpoint[],
  mesh: MeshConfig,
  bans: Bans = noBans,
): readonly string[] {
  if (endpoints.some(({ serviceAccount }) => !serviceAccount)) return [];
  const accepted = endpoints.filter(
    ({ namespace, serviceAccount = '' }) => !isBanned(bans, { namespace, serviceAccount }, mesh),
  );
  if (endpoints.length > 0 && accepted.length === 0) return [nobodysName];
  const paths = accepted.map(({ namespace, serviceAccount }) => `ns/${namespace}/sa/${serviceAccount}`);
  const ids = trustDomainsOf(mesh).flatMap((domain) => paths.map((path) => `spiffe://${domain}/${path}`));
  return [...new Set(ids)].sort();
}

/** Names that a ServiceEntry or a platform's service lists, and those of its endpoints (Istio's PushContext.ServiceAccounts). */
function acceptedIdentities(
  service: Service,
  endpoints: readonly Endpoint[],
  by: { readonly mesh: MeshConfig; readonly bans: Bans },
): readonly string[] {
  const known = serverIdentities(endpoints, by.mesh, by.bans);
  const listed = listedNames(service, by);
  if (listed === undefined || known.includes(nobodysName)) return known;
  return listed.length === 0 ? [nobodysName] : [...new Set([...listed, ...known])].sort();
}

/**
 * Of a ServiceEntry its subjectAltNames, of a platform's service those of Istio's annotations
 * (istio.io/latest/docs/reference/config/annotations), banned ones left out; undefined where none are listed.
 */
function listedNames(
  { subjectAltNames, platform, annotations = {}, namespace }: Service,
  { mesh, bans }: { readonly mesh: MeshConfig; readonly bans: Bans },
): readonly string[] | undefined {
  const isEntry = platform === serviceEntryPlatform;
  const itemsOf = (name: string) =>
    (isEntry ? '' : (annotations[`alpha.istio.io/${name}`] ?? ''))
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const names = [...(subjectAltNames ?? []), ...itemsOf('canonical-serviceaccounts')];
  const accounts = itemsOf('kubernetes-serviceaccounts');
  if (names.length + accounts.length === 0) return undefined;
  const allowed = accounts.filter((serviceAccount) => !isBanned(bans, { namespace, serviceAccount }, mesh));
  return [
    ...names.filter((name) => !bans.has(name)),
    ...allowed.flatMap((account) =>
      trustDomainsOf(mesh).map((domain) => `spiffe://${domain}/ns/${namespace}/sa/${account}`),
    ),
  ];
}

/** No certificate has it: it is no SPIFFE ID. An empty list would accept everybody. */
const nobodysName = 'spiffe://nobody/';

/** What the sockets of `autoTlsMatches` and `autoTlsSocket` are made from. */
export interface AutoTlsOptions {
  readonly isHttp2: boolean;
  readonly identities: readonly string[];
  readonly mesh: MeshConfig;
  readonly federation?: Federation | undefined;
}

/** Mutual TLS with every server of a cluster. */
export function autoTlsSocket(
  spec: ClusterSpec,
  { isHttp2, identities, mesh, federation }: AutoTlsOptions,
): TransportSocket {
  const tls = { mode: 'ISTIO_MUTUAL', subjectAltNames: identities } as const;
  const trusted = trustDomainsOf(mesh).map((domain) => `spiffe://${domain}/`);
  return meshSocket({ spec, isHttp2, tls, federation, ...(identities.length === 0 ? { trusted } : {}) });
}

/** Mutual TLS for endpoints whose metadata say so (`tlsMode: istio`), plaintext for the rest; names are Istio's. */
export function autoTlsMatches(spec: ClusterSpec, options: AutoTlsOptions): Cluster_TransportSocketMatch[] {
  const plaintext = create(TransportSocketSchema, {
    name: 'envoy.transport_sockets.raw_buffer',
    configType: rawBuffer,
  });
  return [
    create(Cluster_TransportSocketMatchSchema, {
      name: 'tlsMode-istio',
      match: { tlsMode: 'istio' },
      transportSocket: autoTlsSocket(spec, options),
    }),
    create(Cluster_TransportSocketMatchSchema, { name: 'tlsMode-disabled', match: {}, transportSocket: plaintext }),
  ];
}

const rawBuffer = { case: 'typedConfig' as const, value: anyPack(RawBufferSchema, create(RawBufferSchema)) };
