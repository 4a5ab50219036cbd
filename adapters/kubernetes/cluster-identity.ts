// Tells when an API server's past is no longer the one we know: another cluster at the same address, or etcd restored or made anew.
import { ApiError } from './api-error.ts';
import type { ApiObject, KubernetesClient } from './client.ts';

/**
 * The uid of the namespace kube-system stands for the cluster: it lives as long as the cluster's data (the Kubernetes special interest
 * groups recommend it as such). Resource versions of one cluster mean nothing in another, where a watch from them may wait for ever.
 */
export class ClusterIdentity {
  readonly #client: KubernetesClient;
  #uid: string | undefined;
  #epoch = 0;
  #asking: Promise<number> | undefined;

  constructor(client: KubernetesClient) {
    this.#client = client;
  }

  /** Grows with each change of identity. Asks the server; callers at the same time share one question. Rejects when it can't be asked. */
  epoch(signal: AbortSignal): Promise<number> {
    this.#asking ??= this.#ask(signal).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(signal: AbortSignal): Promise<number> {
    const uid = await this.#read(signal);
    if (uid !== undefined && this.#uid !== undefined && uid !== this.#uid) this.#epoch++;
    this.#uid = uid ?? this.#uid;
    return this.#epoch;
  }

  /** Undefined when we may not know; a new cluster makes the namespace only some seconds after it starts. */
  async #read(signal: AbortSignal): Promise<string | undefined> {
    try {
      const answer = await this.#client.get('/api/v1/namespaces/kube-system', { signal });
      return (answer?.body as ApiObject | undefined)?.metadata.uid;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 403) return undefined;
      if (error.status === 404) return 'none';
      throw error;
    }
  }
}
