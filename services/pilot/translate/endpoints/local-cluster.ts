// The proxy's own service, as Envoy's `local_cluster`: by the zones of its instances Envoy knows how much each zone sends.
import { create } from '@bufbuild/protobuf';
import { type Endpoint, type Service, serviceKey } from '../../../../events/model.ts';
import { ClusterLoadAssignmentSchema } from '../../../../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { ServiceInstance } from '../../../../mesh/snapshot.ts';
import { encodeResource } from '../encode.ts';
import type { Memo } from '../memo.ts';
import { compareNames } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import { type EncodedResource, typeUrls } from '../translation.ts';
import { isResolved } from './lb-endpoint.ts';
import { assignmentOf, endpointPort } from './load-assignment.ts';
import { parseLocality } from './locality.ts';

/** Name in proxies' bootstrap (`cluster_manager.local_cluster_name`), Istio's. */
export const localClusterName = 'local_cluster';

/** Istio's metadata of proxies that have the cluster in their bootstrap. */
const selfDiscovery = 'ENABLE_SELF_DISCOVERY';

/** Pods of other ReplicaSets take other shares of the traffic. */
const replicaSetLabels = ['pod-template-hash', 'rollouts-pod-template-hash'];

/** Its assignment: instances of the oldest of the proxy's services, in its region; undefined for proxies that do not ask for it. */
export function localAssignment({ context, instances, snapshot }: ProxyScope, memo: Memo): EncodedResource | undefined {
  if (context.metadata?.[selfDiscovery] !== 'true') return undefined;
  const service = oldest(instances);
  const endpoints = service && snapshot.registry.endpoints(serviceKey(service));
  return memo.latest('local-cluster', context, [service, endpoints], () => {
    const assignment = create(ClusterLoadAssignmentSchema, { clusterName: localClusterName });
    const [port] = service?.ports ?? [];
    if (port !== undefined && endpoints !== undefined) {
      const beside = endpoints.filter(
        (endpoint) => isBeside(endpoint, context) && endpointPort(endpoint, port) !== undefined,
      );
      assignment.endpoints = assignmentOf(beside, port);
    }
    return encodeResource(typeUrls.endpoints, localClusterName, ClusterLoadAssignmentSchema, assignment);
  });
}

/** After every time: who does not say how old it is counts as the youngest. */
const ageless = '~';

function oldest(instances: readonly ServiceInstance[]): Service | undefined {
  const [first] = instances
    .map(({ service }) => service)
    .sort(
      (a, b) => compareNames(a.createdAt ?? ageless, b.createdAt ?? ageless) || compareNames(a.hostname, b.hostname),
    );
  return first;
}

function isBeside({ health, address, labels, locality = '' }: Endpoint, context: ProxyContext): boolean {
  return (
    health === 'healthy' &&
    isResolved(address) &&
    parseLocality(locality).region === parseLocality(context.locality).region &&
    replicaSetLabels.every((label) => labels[label] === context.labels[label])
  );
}
