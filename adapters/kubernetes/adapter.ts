// The Kubernetes adapter: one cluster's objects are the platform. README.md says what users see.
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Adapter, AdapterSink, Observed } from '../adapter.ts';
import type { OpenPlatform } from '../platform-http.ts';
import type { ClusterAccess } from './access.ts';
import { type ClientLimits, KubernetesClient } from './client.ts';
import { ClusterIdentity } from './cluster-identity.ts';
import { ClusterIndex } from './cluster-index.ts';
import type { ConfigFeedback } from './config-feedback.ts';
import { ConfigIndex } from './config-index.ts';
import { ConfigWatch, discoveryPart } from './config-watch.ts';
import { NamespaceSelection } from './namespace-selection.ts';
import { pruneEndpointSlice, pruneNamespace, pruneNode, prunePod, pruneService } from './prune.ts';
import { defaultReflectorTiming, type ReflectorOptions, type ReflectorTiming, reflect } from './reflector.ts';
import { defaultStatusTiming, type StatusTiming, StatusWriter } from './status-writer.ts';
import { WakeUp } from './wake-up.ts';

/** Times, in milliseconds. */
export interface KubernetesTiming extends ReflectorTiming {
  /** Of the `.status` of configuration. */
  readonly status: StatusTiming;
  /** A pod and the slice that names it arrive on two connections: so long the slice waits for a pod that is not known yet. */
  readonly settleMs: number;
  /** While something is listed again, the rest waits for it, but not longer than this. */
  readonly maxSettleMs: number;
  /** Between looks at which kinds are served. */
  readonly discoveryMs: number;
}

/** See KubernetesTiming. */
export const defaultKubernetesTiming: KubernetesTiming = {
  ...defaultReflectorTiming,
  status: defaultStatusTiming,
  settleMs: 10,
  maxSettleMs: 5_000,
  discoveryMs: 10_000,
};

/** Which cluster, and how it appears in the mesh. */
export interface KubernetesAdapterOptions {
  /** Read at each start, so that renewed credentials in a kubeconfig are taken up. */
  readonly access: () => Promise<ClusterAccess>;
  /** Keeps several clusters apart in the log; on everything shown as `clusterId`. */
  readonly clusterId: string;
  /** Network of its pods; by default the label `topology.istio.io/network` of the namespace istio-system says it. */
  readonly network?: string;
  /** DNS domain of its services; `cluster.local` by default. */
  readonly domain?: string;
  /** Whether its Istio resources configure the mesh; true by default, false for all but one of several clusters. */
  readonly readsConfig?: boolean;
  /** Istio resources labelled `istio.io/rev` for another one are left alone; `default` by default. */
  readonly revision?: string;
  /** What is written into the `.status` of its Istio resources; nothing is written without. */
  readonly feedback?: ConfigFeedback;
  readonly clock?: Clock;
  readonly timing?: Partial<KubernetesTiming>;
  readonly limits?: Partial<ClientLimits>;
  readonly open?: OpenPlatform;
}

const platform = 'kubernetes';

/** An adapter over one cluster. */
export function createKubernetesAdapter(options: KubernetesAdapterOptions): Adapter {
  return {
    platform,
    instance: options.clusterId,
    run: async (sink, signal) => {
      const client = new KubernetesClient(await options.access(), options.limits, options.open);
      await new Run(options, client, sink).until(signal);
    },
  };
}

/** The kinds that make the registry, and what is kept of them. */
const registryKinds = {
  Service: { path: '/api/v1/services', read: pruneService },
  EndpointSlice: { path: '/apis/discovery.k8s.io/v1/endpointslices', read: pruneEndpointSlice },
  Pod: { path: '/api/v1/pods', read: prunePod },
  Node: { path: '/api/v1/nodes', read: pruneNode },
  Namespace: { path: '/api/v1/namespaces', read: pruneNamespace },
} as const;

/** One run over one cluster, from an empty memory. */
class Run {
  readonly #options: KubernetesAdapterOptions;
  readonly #client: KubernetesClient;
  readonly #identity: ClusterIdentity;
  readonly #sink: AdapterSink;
  readonly #clock: Clock;
  readonly #timing: KubernetesTiming;
  readonly #registry: ClusterIndex;
  readonly #config: ConfigIndex;
  readonly #status: StatusWriter | undefined;
  readonly #wakeUp = new WakeUp();
  /** What has not shown everything yet. Nothing is said before the registry's kinds have. */
  readonly #unlisted = new Set<string>(Object.keys(registryKinds));
  /** What is being listed now. */
  readonly #listing = new Set<string>();
  /** Why which part can't be read. */
  readonly #troubles = new Map<string, string>();
  /** A list is among what the next report tells. */
  #listedSinceReport = false;
  #isSynced = false;
  readonly #selection = new NamespaceSelection();
  #selectionSeen = 0;
  #configWatch: ConfigWatch | undefined;

  constructor(options: KubernetesAdapterOptions, client: KubernetesClient, sink: AdapterSink) {
    const { clusterId, domain, network } = options;
    this.#options = options;
    this.#client = client;
    this.#identity = new ClusterIdentity(client);
    this.#sink = sink;
    this.#clock = options.clock ?? systemClock;
    this.#timing = { ...defaultKubernetesTiming, ...options.timing };
    this.#registry = new ClusterIndex(
      { platform, clusterId, ...(domain && { domain }) },
      { ...(network && { network }), selection: this.#selection },
    );
    this.#status = this.#statusWriter();
    const onProblem = (scope: string, problem: string | undefined) => sink.problem(scope, problem);
    const { revision } = options;
    this.#config = new ConfigIndex(onProblem, this.#status, { revision, selection: this.#selection });
  }

  #statusWriter(): StatusWriter | undefined {
    const { feedback, readsConfig = true } = this.#options;
    if (!feedback || !readsConfig) return undefined;
    const onProblem = (kind: string, problem: string | undefined) => this.#sink.problem(`status/${kind}`, problem);
    const timing = this.#timing.status;
    return new StatusWriter({ client: this.#client, feedback, clock: this.#clock, timing, onProblem });
  }

  /** Rejects when the sink does. */
  async until(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const whileRunning = AbortSignal.any([signal, stop.signal]);
    const parts = [
      ...Object.keys(registryKinds).map((kind) => this.#follow(kind as keyof typeof registryKinds, whileRunning)),
      ...(this.#options.readsConfig === false ? [] : [this.#followConfig(whileRunning)]),
      this.#report(whileRunning),
      ...(this.#status ? [this.#status.run(whileRunning)] : []),
    ];
    try {
      await Promise.all(parts);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stop.abort();
      await Promise.allSettled(parts);
      this.#client.close();
    }
  }

  #follow<K extends keyof typeof registryKinds>(kind: K, signal: AbortSignal): Promise<void> {
    const { path, read } = registryKinds[kind];
    return reflect(
      {
        ...this.reflecting(kind, path),
        read,
        onList: (objects) => {
          this.#registry.replace(kind, objects as never);
          this.listed(kind);
        },
        onChange: (change, object) => {
          if (change === 'set') this.#registry.set(kind, object as never);
          else this.#registry.remove(kind, object as never);
          this.#wakeUp.now();
        },
      } satisfies ReflectorOptions<unknown>,
      signal,
    );
  }

  #followConfig(signal: AbortSignal): Promise<void> {
    const { discoveryMs } = this.#timing;
    const watch = new ConfigWatch({
      client: this.#client,
      index: this.#config,
      clock: this.#clock,
      discoveryMs,
      reflecting: (part, path) => this.reflecting(part, path),
      onExpected: (part) => this.#unlisted.add(part),
      onListed: (part) => this.listed(part, part !== discoveryPart),
      onChange: () => this.#wakeUp.now(),
      onTrouble: (part, trouble) => this.trouble(part, trouble),
    });
    this.#configWatch = watch;
    return watch.run(signal);
  }

  /** What all reflectors have in common. */
  reflecting(part: string, path: string) {
    return {
      client: this.#client,
      identity: this.#identity,
      path,
      clock: this.#clock,
      timing: this.#timing,
      // What is recorded is asked for again in the same words when it is played.
      ...(this.#options.open && { random: () => 0.5 }),
      onListing: (listing: boolean) => {
        if (listing) this.#listing.add(part);
        else this.#listing.delete(part);
        this.#wakeUp.now();
      },
      onTrouble: (error: unknown) => this.trouble(part, error),
    };
  }

  /** `lacks`: what is not in the list is gone; finding out which kinds there are tells of no object. */
  listed(part: string, lacks = true): void {
    this.#listedSinceReport ||= lacks;
    this.#unlisted.delete(part);
    this.#isSynced &&= this.#unlisted.size === 0;
    this.#wakeUp.now();
  }

  trouble(part: string, error: unknown): void {
    if (error === undefined) {
      if (this.#troubles.delete(part) && this.#troubles.size === 0) this.#isSynced = false;
    } else {
      this.#troubles.set(part, messageOf(error));
      this.#sayTrouble();
    }
    this.#wakeUp.now();
  }

  #sayTrouble(): void {
    const [first] = this.#troubles.values();
    if (first !== undefined) this.#sink.lost(first);
  }

  /** One thing at a time: what changes while the sink is busy is reported together. */
  async #report(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#wakeUp.wait(signal);
      await this.#settle(signal);
      if (this.#isIncomplete()) continue;
      this.#select();
      if (this.#registry.hasChanges || this.#config.hasChanges) {
        // What a watch says was deleted was; what a new list merely lacks is judged by the runner's rules.
        const onlyWatched = !this.#listedSinceReport;
        this.#listedSinceReport = false;
        const contents = new Map([...this.#registry.takeChanges(), ...this.#config.takeChanges()]);
        const placed = this.#status?.placing();
        const explicit = ({ value }: Observed) => onlyWatched || !this.#selection.has(value.namespace);
        await this.#sink.replaceAll(contents, { explicit });
        await placed?.();
        // The sink takes a report for a sign that all is well.
        this.#sayTrouble();
      } else this.#listedSinceReport = false; // Whatever was listed lacks nothing: the next change is a watch's word.
      if (this.#isSynced || this.#unlisted.size > 0 || this.#troubles.size > 0) continue;
      this.#isSynced = true;
      await this.#sink.synced([...this.#registry.scopes(), ...this.#config.scopes()]);
    }
  }

  /** Nothing is said before the registry has been listed, and the mesh configuration, unless it can't be read: it says what belongs to the mesh. */
  #isIncomplete(): boolean {
    if (Object.keys(registryKinds).some((kind) => this.#unlisted.has(kind))) return true;
    return this.#unlisted.has('ConfigMap') && !this.#troubles.has('ConfigMap');
  }

  /** Judges everything anew when other namespaces belong to the mesh. */
  #select(): void {
    const { revision } = this.#selection;
    if (revision === this.#selectionSeen) return;
    this.#selectionSeen = revision;
    this.#registry.touchAll();
    this.#configWatch?.relist();
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const { settleMs, maxSettleMs } = this.#timing;
    const startedMs = this.#clock.nowMs();
    // What came in one packet, or in several that are here already, is reported together.
    await setImmediate(undefined, { signal });
    if (this.#listing.size === 0 && !this.#registry.awaitsPods) return;
    do await this.#clock.sleep(settleMs, signal);
    while (this.#listing.size > 0 && this.#clock.nowMs() - startedMs < maxSettleMs);
  }
}
