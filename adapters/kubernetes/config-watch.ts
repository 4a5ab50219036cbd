// Watches the configuration kinds that a cluster serves, as they appear and go, and the ConfigMap with the mesh configuration.
import type { Clock } from '../../lib/clock.ts';
import { meshConfigKey } from '../../mesh/config/mesh-config.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesClient } from './client.ts';
import type { ConfigIndex, ConfigReading } from './config-index.ts';
import { type Discovery, DiscoveryReader, type ServedKind } from './discovery.ts';
import { type ReflectorOptions, reflect } from './reflector.ts';

/** What the watch needs, and whom it tells. Parts are kinds, and `discovery`. */
export interface ConfigWatchOptions {
  readonly client: KubernetesClient;
  readonly index: ConfigIndex;
  readonly clock: Clock;
  readonly discoveryMs: number;
  readonly reflecting: (part: string, path: string) => Omit<ReflectorOptions<never>, 'read' | 'onList' | 'onChange'>;
  /** The part exists; `onListed` will follow. */
  readonly onExpected: (part: string) => void;
  readonly onListed: (part: string) => void;
  readonly onChange: () => void;
  readonly onTrouble: (part: string, trouble: unknown) => void;
}

/** A kind that is missing in this many answers after the other is served no more: one alone may be a server that is starting. */
const missesUntilGone = 2;

/** Name of the part that finds out which kinds the server has. */
export const discoveryPart = 'discovery';

interface Followed {
  readonly path: string;
  readonly hasStatus: boolean;
  readonly stop: AbortController;
  misses: number;
}

/** See the file's first line. */
export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  readonly #reader: DiscoveryReader;
  readonly #followed = new Map<string, Followed>();
  readonly #running = new Set<Promise<void>>();
  #hasFailed: { readonly error: unknown } | undefined;
  #signal: AbortSignal | undefined;

  constructor(options: ConfigWatchOptions) {
    this.#options = options;
    this.#reader = new DiscoveryReader(options.client);
    options.onExpected(discoveryPart);
  }

  /** Until `signal` aborts: rejects with its reason then. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    try {
      this.#followMeshConfig(signal);
      for (let retryMs = 500; ; ) {
        const isRead = await this.#look(signal);
        retryMs = isRead ? 500 : Math.min(retryMs * 2, this.#options.discoveryMs);
        await this.#options.clock.sleep(isRead ? this.#options.discoveryMs : retryMs, signal);
        if (this.#hasFailed) throw this.#hasFailed.error;
      }
    } finally {
      for (const { stop } of this.#followed.values()) stop.abort();
      await Promise.allSettled(this.#running);
    }
  }

  /** Has every kind listed and judged anew: which namespaces belong to the mesh has changed. */
  relist(): void {
    if (this.#signal === undefined) return;
    for (const [kind, { path, hasStatus, stop }] of [...this.#followed]) {
      stop.abort();
      this.#options.index.reread(kind);
      this.#follow({ kind, path, hasStatus }, this.#signal);
    }
  }

  /** Whether the server answered. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { onTrouble, onListed } = this.#options;
    try {
      const found = await this.#reader.read(signal);
      if (found === undefined) throw new ApiError(0, 'the API server says that it is not ready');
      this.#take(found, signal);
      onTrouble(discoveryPart, undefined);
      if (found.uncertain.size === 0) onListed(discoveryPart);
      return found.uncertain.size === 0;
    } catch (error) {
      signal.throwIfAborted();
      onTrouble(discoveryPart, error);
      return false;
    }
  }

  #take({ served, uncertain }: Discovery, signal: AbortSignal): void {
    for (const [kind, followed] of this.#followed) {
      const { path, hasStatus } = served.get(kind) ?? {};
      const isSame = path === followed.path && hasStatus === followed.hasStatus;
      if (isSame || uncertain.has(kind)) followed.misses = 0;
      else if (served.has(kind)) {
        this.#unfollow(kind, followed);
        this.#options.index.reread(kind);
      } else if (++followed.misses >= missesUntilGone) {
        this.#unfollow(kind, followed);
        this.#options.index.replace(kind, []);
        this.#options.onChange();
      }
    }
    for (const kind of served.values()) if (!this.#followed.has(kind.kind)) this.#follow(kind, signal);
  }

  #unfollow(kind: string, { stop }: Followed): void {
    stop.abort();
    this.#followed.delete(kind);
    this.#options.onTrouble(kind, undefined);
    this.#options.onListed(kind);
  }

  #follow({ kind, path, hasStatus }: ServedKind, signal: AbortSignal): void {
    const stop = new AbortController();
    this.#followed.set(kind, { path, hasStatus, stop, misses: 0 });
    const apiVersion = path.split('/').slice(2, 4).join('/');
    this.#reflect({ kind, path, apiVersion, hasStatus }, AbortSignal.any([signal, stop.signal]));
  }

  #followMeshConfig(signal: AbortSignal): void {
    const { namespace, name } = meshConfigKey;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    this.#reflect({ kind: 'ConfigMap', path, apiVersion: 'v1', fieldSelector: `metadata.name=${name}` }, signal);
  }

  #reflect(
    {
      kind,
      path,
      apiVersion,
      fieldSelector,
      hasStatus = false,
    }: { kind: string; path: string; apiVersion: string; fieldSelector?: string; hasStatus?: boolean },
    signal: AbortSignal,
  ): void {
    const { index, onListed, onChange, onExpected } = this.#options;
    onExpected(kind);
    const common = this.#options.reflecting(kind, path);
    const options: ReflectorOptions<ConfigReading> = {
      ...common,
      ...(fieldSelector !== undefined && { fieldSelector }),
      read: (object) => index.read(object, { apiVersion, kind, ...(hasStatus && { path }) }),
      onList: (readings) => {
        index.replace(kind, readings);
        onListed(kind);
      },
      onChange: (change, reading) => {
        if (change === 'set') index.set(kind, reading);
        else index.remove(kind, reading.scope);
        onChange();
      },
      onTrouble: (error) => {
        // The kind's definition is gone: discovery says so in a moment.
        const isUnserved = error instanceof ApiError && error.status === 404;
        if (!isUnserved) common.onTrouble(error);
      },
    };
    const running = reflect(options, signal)
      .catch((error: unknown) => {
        this.#hasFailed = { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}
