// Encodes outbound clusters and load assignments, each once for all proxies for which it comes out the same.
import type { Endpoint } from '../../../events/model.ts';
import { ClusterSchema } from '../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { PeerAuthenticationSpec } from '../../../mesh/config/schemas/peer-authentication.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { ClusterSpec } from './clusters/cluster-spec.ts';
import { policyWithDefaults } from './clusters/mesh-defaults.ts';
import { outboundCluster } from './clusters/outbound-cluster.ts';
import { proxylessCluster } from './clusters/proxyless-cluster.ts';
import { encodeResource } from './encode.ts';
import { isClusterLocal } from './endpoints/cluster-local.ts';
import { loadAssignment, type TakesTls } from './endpoints/load-assignment.ts';
import { failoverLabel, type LocalityUse, localityUse, preferredNearness } from './endpoints/locality.ts';
import { topologyLabel } from './endpoints/topology-labels.ts';
import type { Memo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';
import { type ServerTls, serverTls, takesMutualTls } from './security/auto-mutual-tls.ts';
import { federationOf } from './security/federation.ts';
import { type EncodedResource, typeUrls } from './translation.ts';

/** Encodes for proxies of one outbound context. */
export interface OutboundEncoder {
  /** A cluster that holds nothing of its endpoints but their identities; undefined where the proxy can't use it. */
  cluster(spec: ClusterSpec, endpoints: readonly Endpoint[]): EncodedResource | undefined;
  /** A cluster whose endpoints are names that the proxy resolves itself; undefined where it can not use it. */
  namedCluster(spec: ClusterSpec, endpoints: readonly Endpoint[]): EncodedResource | undefined;
  /** What EDS answers for the cluster. */
  loadAssignment(spec: ClusterSpec, endpoints: readonly Endpoint[]): EncodedResource;
}

/** See the file's first line. */
export function outboundEncoder(context: ProxyContext, snapshot: Snapshot, memo: Memo): OutboundEncoder {
  const { mesh, config, bans } = snapshot;
  const federation = context.identity === undefined ? undefined : federationOf(snapshot, memo);
  const policies = config.list<PeerAuthenticationSpec>('PeerAuthentication');
  const takesTls: TakesTls = (endpoint, port) => takesMutualTls(endpoint, port, policies, mesh.rootNamespace);
  const proxy = { context, mesh };
  const isRouter = context.type === 'router';
  const isReporting = context.telemetry !== undefined;
  const isProxyless = context.generator === 'grpc';
  const isIpv6Only = context.isIpv6Only === true;
  // Our own agents say whether they have one; Istio's always do.
  const isWithoutIdentity = isReporting && context.identity === undefined;
  // What a rule says of TLS holds for all endpoints: those of other networks are called by gateways that know where to from it alone.
  const takesTlsBy = ({ policy: { tls } }: ClusterSpec): TakesTls =>
    tls === undefined ? takesTls : () => tls.mode === 'ISTIO_MUTUAL';
  const tlsOf = (spec: ClusterSpec, endpoints: readonly Endpoint[]) =>
    isProxyless ? undefined : serverTls(spec, endpoints, { context, mesh, bans, takesTls });
  const encode = (spec: ClusterSpec, tls: ServerTls | undefined, assignment?: ClusterLoadAssignment) => {
    const cluster = isProxyless
      ? proxylessCluster(spec, assignment)
      : outboundCluster(spec, {
          mesh,
          isRouter,
          isReporting,
          isIpv6Only,
          isWithoutIdentity,
          loadAssignment: assignment,
          federation,
          serverTls: tls,
        });
    return cluster && encodeResource(typeUrls.cluster, cluster.name, ClusterSchema, cluster);
  };
  return {
    cluster: (spec, endpoints) => {
      const tls = tlsOf(spec, endpoints);
      const deps = [spec, mesh, isRouter, isReporting, isProxyless, isWithoutIdentity, tlsKey(tls), federation];
      return memo.get('cluster', deps, () => encode(spec, tls));
    },
    namedCluster: (spec, endpoints) => {
      const use = useOf(spec, mesh);
      const tls = tlsOf(spec, endpoints);
      const place = [
        isRouter,
        isReporting,
        isProxyless,
        isIpv6Only,
        isWithoutIdentity,
        placeKey(spec, use, proxy),
        tlsKey(tls),
        federation,
      ];
      return memo.get('named-cluster', [spec, mesh, endpoints, policies, ...place], () =>
        encode(spec, tls, loadAssignment(spec, endpoints, { use, context, mesh, takesTls: takesTlsBy(spec) })),
      );
    },
    loadAssignment: (spec, endpoints) => {
      const use = useOf(spec, mesh);
      return memo.get(
        'load-assignment',
        [spec, endpoints, mesh, policies, placeKey(spec, use, proxy), nodeKey(spec, context)],
        () => {
          const assignment = loadAssignment(spec, endpoints, { use, context, mesh, takesTls: takesTlsBy(spec) });
          return encodeResource(typeUrls.endpoints, spec.name, ClusterLoadAssignmentSchema, assignment);
        },
      );
    },
  };
}

/** Whether Envoy resolves the endpoints' names itself, so that they are part of the cluster. */
export function resolvesNames({ discovery }: ClusterSpec): boolean {
  return discovery === 'STRICT_DNS' || discovery === 'LOGICAL_DNS';
}

function useOf(spec: ClusterSpec, mesh: MeshConfig): LocalityUse {
  const isForced = preferredNearness(spec.service, spec.policy) !== undefined;
  return localityUse(policyWithDefaults(spec, mesh), mesh, isForced);
}

function tlsKey(tls: ServerTls | undefined): string {
  return tls === undefined ? '' : `${tls.with} ${tls.identities.join()}`;
}

function nodeKey({ service }: ClusterSpec, { clusterId, nodeName = '' }: ProxyContext): string {
  return service.isNodeLocal ? `${clusterId} ${nodeName}` : '';
}

/** What of the proxy the load assignment reads, so that proxies in other places share it where place does not matter. */
function placeKey(
  { service }: ClusterSpec,
  use: LocalityUse,
  { context, mesh }: { readonly context: ProxyContext; readonly mesh: MeshConfig },
): string {
  const network = mesh.networks === undefined ? '' : context.network;
  const cluster = isClusterLocal(service.hostname, mesh) ? context.clusterId : '';
  if (use.kind === 'none') return `${network}/${cluster}`;
  const labels = use.kind === 'failover' ? use.failoverPriority : [];
  return JSON.stringify([
    network,
    cluster,
    context.locality,
    ...labels.map((entry) => topologyLabel(context, failoverLabel(entry))),
  ]);
}
