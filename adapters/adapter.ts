// The adapter port: what a platform adapter is to Periplus. A third party's adapter implements this and passes adapter-contract.ts.
import type { ConfigResource, Endpoint, Service, Workload } from '../events/model.ts';

/** One thing a platform shows. */
export type Observed =
  | { readonly kind: 'service'; readonly value: Service }
  | { readonly kind: 'endpoint'; readonly value: Endpoint }
  | { readonly kind: 'workload'; readonly value: Workload }
  | { readonly kind: 'config'; readonly value: ConfigResource };

/** Where an adapter says what it sees. The runner compares with what was last seen and appends only differences. */
export interface AdapterSink {
  /**
   * The whole content of one scope as it is now (a file, a Consul service, a Kubernetes resource type): what the scope had and
   * `items` lacks is deregistered. Resolves when the facts are durable; one batch, all or nothing.
   */
  replace(scope: string, items: readonly Observed[], options?: { readonly time?: string }): Promise<void>;
  /** Every scope that exists has been replaced at least once: scopes known from earlier runs and not seen are gone. */
  synced(scopes: readonly string[]): Promise<void>;
  /** The platform can't be read now; nothing is deregistered. Shown by `periplus check` and on /readyz. */
  lost(reason: string): void;
}

/** Watches one platform until `signal` aborts. Rejecting means: start me again with backoff. */
export interface Adapter {
  /** `files`, `kubernetes`, …: the `platform` field of everything it reports. */
  readonly platform: string;
  /** Distinguishes several adapters of one platform: folder, cluster, datacenter. */
  readonly instance: string;
  run(sink: AdapterSink, signal: AbortSignal): Promise<void>;
}
