// The adapter port: what a platform adapter is to Periplus. A third party's adapter implements this and passes adapter-contract.ts.
import type { ConfigResource, Endpoint, Service, Workload } from '../events/model.ts';

/** One thing a platform shows. */
export type Observed =
  | { readonly kind: 'service'; readonly value: Service }
  | { readonly kind: 'endpoint'; readonly value: Endpoint }
  | { readonly kind: 'workload'; readonly value: Workload }
  | { readonly kind: 'config'; readonly value: ConfigResource };

/** How `replace` and `replaceAll` do it. */
export interface ReplaceOptions {
  /** When the platform showed this, RFC 3339; now by default. */
  readonly time?: string;
  /** The content may lack things that exist but can't be read now: register what is new, deregister nothing. */
  readonly keepMissing?: boolean;
  /**
   * Whether the platform itself said that `gone` was taken out (a watch's delete event), instead of merely not listing it: such a
   * loss is believed however much it is. By default nothing is.
   */
  readonly explicit?: (gone: Observed) => boolean;
}

/** Where an adapter says what it sees. The runner compares with what was last seen and appends only differences. */
export interface AdapterSink {
  /**
   * The whole content of one scope as it is now (a file, a Consul service, a Kubernetes resource type): what the scope had and
   * `items` lacks is deregistered. Resolves when the facts are durable; one batch, all or nothing.
   */
  replace(scope: string, items: readonly Observed[], options?: ReplaceOptions): Promise<void>;
  /** `replace` of several scopes in one batch: what moves from one to another is never gone in between. */
  replaceAll(contents: ReadonlyMap<string, readonly Observed[]>, options?: ReplaceOptions): Promise<void>;
  /** Every scope that exists has been replaced at least once: scopes known from earlier runs and not seen are gone. */
  synced(scopes: readonly string[]): Promise<void>;
  /** The platform can't be read now; nothing is deregistered. Shown by `periplus check` and on /readyz. */
  lost(reason: string): void;
  /** A scope's new content can't be used (a file with an error): what it said before stays. Undefined: it can again. */
  problem(scope: string, message: string | undefined): void;
}

/** Watches one platform until `signal` aborts. Rejecting means: start me again with backoff. */
export interface Adapter {
  /** `files`, `kubernetes`, …: the `platform` field of everything it reports. */
  readonly platform: string;
  /** Distinguishes several adapters of one platform: folder, cluster, datacenter. */
  readonly instance: string;
  run(sink: AdapterSink, signal: AbortSignal): Promise<void>;
}
