// How a Kubernetes cluster of the configuration is reached.
import { type ClusterAccess, inClusterAccess } from '../adapters/kubernetes/access.ts';
import { readKubeconfig } from '../adapters/kubernetes/kubeconfig.ts';
import type { KubernetesClusterConfig } from './config-kubernetes.ts';

/** By the kubeconfig, or as the pod that this is. To be read anew at each start of an adapter: credentials are renewed. Rejects with wrong usage. */
export function kubernetesAccess({ kubeconfig, context }: KubernetesClusterConfig): Promise<ClusterAccess> {
  if (kubeconfig === undefined) return inClusterAccess(process.env);
  return readKubeconfig({ path: kubeconfig, ...(context !== undefined && { context }) });
}
