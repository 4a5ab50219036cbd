// The part of a process's configuration that says which Kubernetes clusters it reads.
import { resolve } from 'node:path';
import { MeshError } from '../lib/mesh-error.ts';

/** One cluster. */
export interface KubernetesClusterConfig {
  /** Path of a kubeconfig, or undefined for the cluster that this process runs in. */
  readonly kubeconfig: string | undefined;
  /** The kubeconfig's own current context when undefined. */
  readonly context: string | undefined;
  readonly clusterId: string;
  readonly platform: string;
  /** The first cluster's Istio resources configure the mesh, the others' don't. */
  readonly readsConfig: boolean;
}

/** Flags about Kubernetes. */
export interface KubernetesFlags {
  readonly kubeconfig?: string;
  readonly kubeContext?: readonly string[];
}

/** Instead of a kubeconfig's path. */
const inCluster = 'in-cluster';

/** The clusters that `flags` mean; `wanted`: this process has the role adapters. Throws MeshError `usage`. */
export function kubernetesClustersOf(
  { kubeconfig, kubeContext = [] }: KubernetesFlags,
  { workingDirectory, wanted }: { readonly workingDirectory: string; readonly wanted: boolean },
): readonly KubernetesClusterConfig[] {
  if (kubeconfig === undefined) {
    if (kubeContext.length > 0) throw new MeshError('usage', '--kube-context needs --kubeconfig FILE');
    return [];
  }
  if (!wanted) throw new MeshError('usage', '--kubeconfig is read by the role adapters: add it to --roles');
  if (kubeconfig === '') throw new MeshError('usage', '--kubeconfig is empty: give a file, or in-cluster');
  if (kubeconfig === inCluster) {
    if (kubeContext.length > 0)
      throw new MeshError('usage', '--kubeconfig in-cluster has no contexts: leave out --kube-context');
    return [
      { kubeconfig: undefined, context: undefined, clusterId: 'kubernetes', platform: 'kubernetes', readsConfig: true },
    ];
  }
  const path = resolve(workingDirectory, kubeconfig);
  const contexts = kubeContext.length === 0 ? [undefined] : kubeContext;
  const platforms = contexts.map(platformOf);
  if (new Set(platforms).size < platforms.length)
    throw new MeshError('usage', '--kube-context: two contexts have the same name, or names that differ only in signs');
  return contexts.map((context, index) => ({
    kubeconfig: path,
    context,
    clusterId: context ?? 'kubernetes',
    platform: platforms[index] ?? 'kubernetes',
    readsConfig: index === 0,
  }));
}

/** Services of two clusters may have one name; what one cluster says of it must not overwrite what another does. */
function platformOf(context: string | undefined, index: number): string {
  return index === 0 || context === undefined ? 'kubernetes' : `kubernetes-${context.replace(/[^A-Za-z0-9.-]+/g, '-')}`;
}
