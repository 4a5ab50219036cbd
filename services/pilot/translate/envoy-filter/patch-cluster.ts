// Applies an EnvoyFilter's patches to a cluster.
import type { Cluster } from '../../../../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { TransportSocket } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { parseSubsetKey } from '../names.ts';
import { type Journal, listMerge, mergeValue, newValue, refuse } from './journal.ts';
import { mergedAny } from './merge-message.ts';
import type { Patch, PatchContext } from './patch.ts';
import { isFor, type PatchSet } from './patch-set.ts';

/** The cluster, changed in place; undefined when it is removed. */
export function patchCluster(options: {
  readonly patches: PatchSet;
  readonly context: PatchContext;
  readonly cluster: Cluster;
  readonly journal: Journal;
}): Cluster | undefined {
  const { patches, context, cluster, journal } = options;
  const hosts = inboundHosts(cluster);
  for (const patch of patches.of('CLUSTER')) {
    if (!isFor(patch, context) || !matchesCluster(patch, cluster.name, hosts)) continue;
    if (patch.operation === 'REMOVE') return undefined;
    if (listMerge(patch.operation) === undefined) continue;
    if (patch.value.transportSocket === undefined) mergeValue(journal, cluster, patch);
    else mergeTransportSocket(cluster, patch, patch.value.transportSocket, journal);
  }
  return cluster;
}

/**
 * Whether a patch is for a cluster of this name. `inboundHosts`: an inbound cluster's services, which its name does not say;
 * undefined when they are not known yet, and the answer then is whether it may be.
 */
export function matchesCluster(
  { match: { cluster: match } }: Patch,
  name: string,
  inboundHosts: readonly string[] | undefined,
): boolean {
  if (match === undefined) return true;
  if (match.name) return match.name === name;
  const key = parseSubsetKey(name);
  if (match.subset && match.subset !== key?.subset) return false;
  if (match.portNumber && match.portNumber !== key?.port) return false;
  if (!match.service) return true;
  if (key?.direction !== 'inbound') return match.service === key?.hostname;
  return inboundHosts === undefined || inboundHosts.includes(match.service);
}

/** From the metadata that every cluster of a service has. */
function inboundHosts({ metadata }: Cluster): readonly string[] {
  const services = metadata?.filterMetadata.istio?.services;
  if (!Array.isArray(services)) return [];
  return services.flatMap((service) =>
    typeof service === 'object' && service !== null && !Array.isArray(service) && typeof service.host === 'string'
      ? [service.host]
      : [],
  );
}

/** A patch with a transport socket does nothing else: it is merged into the cluster's of the same name, or replaces it (Istio's rule). */
function mergeTransportSocket(
  cluster: Cluster,
  patch: Patch<'CLUSTER'>,
  source: TransportSocket,
  journal: Journal,
): void {
  const target =
    cluster.transportSocketMatches.length > 0 ? matchedSocket(cluster, source.name) : ownSocket(cluster, source.name);
  if (target === undefined) {
    // Envoy takes either one socket or several by match, not both.
    if (cluster.transportSocketMatches.length > 0) return;
    const { transportSocket } = newValue(patch);
    if (transportSocket !== undefined) cluster.transportSocket = transportSocket;
    journal.changed = true;
    return;
  }
  if (target.configType.case !== 'typedConfig' || source.configType.case !== 'typedConfig') return;
  const merged = mergedAny(target.configType.value, source.configType.value);
  if (typeof merged === 'string') {
    refuse(journal, patch, merged);
    return;
  }
  target.configType = { case: 'typedConfig', value: merged };
  journal.changed = true;
}

function matchedSocket({ transportSocketMatches }: Cluster, name: string): TransportSocket | undefined {
  return transportSocketMatches.find(({ transportSocket }) => transportSocket?.name === name)?.transportSocket;
}

function ownSocket({ transportSocket }: Cluster, name: string): TransportSocket | undefined {
  return transportSocket?.name === name ? transportSocket : undefined;
}
