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
  /** The first cluster's Istio resources configure the mesh, the others' don't. */
  readonly readsConfig: boolean;
  /** Of this control plane; see KubernetesAdapterOptions. */
  readonly revision?: string;
  /** Whether what becomes of them is written into their `.status`. */
  readonly writesStatus: boolean;
}

/** Flags about Kubernetes. */
export interface KubernetesFlags {
  readonly kubeconfig?: string;
  readonly kubeContext?: readonly string[];
  readonly kubeReadOnly?: boolean;
  readonly kubeRevision?: string;
}

/** Instead of a kubeconfig's path. */
const inCluster = 'in-cluster';

/** The clusters that `flags` mean; `wanted`: this process has a role that reads them. Throws MeshError `usage`. */
export function kubernetesClustersOf(
  { kubeconfig, kubeContext = [], kubeReadOnly = false, kubeRevision }: KubernetesFlags,
  { workingDirectory, wanted }: { readonly workingDirectory: string; readonly wanted: boolean },
): readonly KubernetesClusterConfig[] {
  if (kubeconfig === undefined) {
    if (kubeContext.length > 0) throw new MeshError('usage', '--kube-context needs --kubeconfig FILE');
    if (kubeReadOnly) throw new MeshError('usage', '--kube-read-only needs --kubeconfig');
    if (kubeRevision !== undefined) throw new MeshError('usage', '--kube-revision needs --kubeconfig');
    return [];
  }
  if (!wanted)
    throw new MeshError('usage', '--kubeconfig is read by the roles adapters, pilot and citadel: add one to --roles');
  if (kubeconfig === '') throw new MeshError('usage', '--kubeconfig is empty: give a file, or in-cluster');
  const writesStatus = !kubeReadOnly;
  const own = kubeRevision === undefined ? {} : { revision: kubeRevision };
  if (kubeconfig === inCluster) {
    if (kubeContext.length > 0)
      throw new MeshError('usage', '--kubeconfig in-cluster has no contexts: leave out --kube-context');
    return [
      { kubeconfig: undefined, context: undefined, clusterId: 'kubernetes', readsConfig: true, writesStatus, ...own },
    ];
  }
  const path = resolve(workingDirectory, kubeconfig);
  const contexts = kubeContext.length === 0 ? [undefined] : kubeContext;
  if (new Set(contexts).size < contexts.length)
    throw new MeshError('usage', '--kube-context: a context is given twice');
  return contexts.map((context, index) => ({
    kubeconfig: path,
    context,
    clusterId: context ?? 'kubernetes',
    readsConfig: index === 0,
    writesStatus: writesStatus && index === 0,
    ...own,
  }));
}
