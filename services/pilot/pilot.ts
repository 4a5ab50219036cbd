// Pilot: folds the facts log into snapshots, translates them for every proxy and serves them over xDS.

import type { PilotProgressed } from '../../events/delivery-facts.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Node } from '../../gen/envoy/config/core/v3/base_pb.js';
import type { Clock } from '../../lib/clock.ts';
import { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Service } from '../../lib/service.ts';
import type { MeshConfig } from '../../mesh/config/mesh-config.ts';
import type { CredentialSource } from '../../mesh/credential-material.ts';
import { agentUserAgent } from '../../mesh/deliveries.ts';
import { FactReader } from '../../mesh/fact-reader.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { endAbandonedStreams } from './abandoned-streams.ts';
import { AutoRegistration } from './auto-registration/auto-registration.ts';
import { banProblem, endBannedStreams } from './banned-proxies.ts';
import { CredentialStore } from './credentials/credential-store.ts';
import { mayHoldSecrets } from './credentials/may-hold-secrets.ts';
import { CulpritSearch } from './culprit-search.ts';
import { DeliveriesRecorder } from './deliveries-recorder.ts';
import type { RecorderLimits } from './delivery-writer.ts';
import { GatewayDrainTimer } from './gateway-drain-timer.ts';
import { HealthReports } from './health-reports.ts';
import { fetchJwks, type JwksFetchOptions } from './jwks-fetch.ts';
import { JwksFetcher } from './jwks-fetcher.ts';
import { PilotMetrics } from './metrics.ts';
import { MutualTlsPort, type MutualTlsXds } from './mutual-tls-port.ts';
import { RejectionTracer } from './rejections/rejection-tracer.ts';
import { createMemo } from './translate/memo.ts';
import { type NodeResult, proxyContextOf } from './translate/node.ts';
import type { ProxyContext } from './translate/proxy-context.ts';
import type { Environment } from './translate/telemetry/environment-headers.ts';
import { translate } from './translate/translate.ts';
import type { AdsLimits } from './xds/ads-limits.ts';
import { AdsServer, type ListenAddress } from './xds/ads-server.ts';
import type { AdsStream } from './xds/ads-stream.ts';
import { ResourceCache, type Translate, type TranslationFailure } from './xds/resource-cache.ts';
import { observeAll, type StreamIdentity, type StreamObserver } from './xds/stream-observer.ts';

/** What a Pilot is made of. */
export interface PilotOptions {
  readonly facts: EventLog;
  readonly deliveries: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Distinguishes Pilots of one mesh: in events, in Envoy's `control_plane.identifier`. */
  readonly name: string;
  /** Where xDS is served; several addresses for plaintext and mTLS. Port 0: any free one, see `ports`. */
  readonly xds: ListenAddress | readonly ListenAddress[];
  /** xDS for clients with an SVID; absent: plaintext alone. */
  readonly mtls?: MutualTlsXds;
  /** Makes a translator for one lineage of snapshots; the real one by default. */
  readonly newTranslator?: () => Translate;
  /** What `envName` of a provider's header may name; by default nothing. */
  readonly environment?: Environment;
  /** Reads Envoy's node; Istio's reading of it by default. */
  readonly contextOf?: (node: Node) => NodeResult;
  readonly mesh?: MeshConfig;
  readonly limits?: Partial<AdsLimits>;
  readonly recorder?: Partial<RecorderLimits>;
  /** What fetching key sets may do; by default public addresses only. */
  readonly jwks?: JwksFetchOptions;
  /** Where the credentials that gateways name are kept, best first; none by default. */
  readonly credentials?: readonly CredentialSource[];
  /** How long an auto-registered workload outlives its proxy's connection; Istio's 10 s by default. */
  readonly registrationGraceMs?: number;
  /** How long proxies need to close connections of a Gateway's servers that hosts moved away from; 60 s by default. */
  readonly gatewayDrainMs?: number;
}

/** See the file's first line. */
export class Pilot implements Service {
  readonly name: string;
  /** The newest snapshot; empty until the log has been read once. */
  readonly snapshots = new Latest<Snapshot>();
  readonly metrics: PilotMetrics;
  readonly #options: PilotOptions;
  readonly #cache: ResourceCache;
  readonly #server: AdsServer;
  readonly #reader: FactReader;
  readonly #recorder: DeliveriesRecorder;
  readonly #health: HealthReports;
  readonly #jwks: JwksFetcher;
  readonly #registration: AutoRegistration;
  readonly #credentials: CredentialStore;
  readonly #drainTimer: GatewayDrainTimer;
  readonly #tracer: RejectionTracer;
  readonly #culprits: CulpritSearch;
  readonly #listening = new Latest<readonly number[]>();
  readonly #mtls: MutualTlsPort | undefined;
  /** Position of the last snapshot that translated for everybody. */
  #goodPosition = 0;
  #failure: TranslationFailure | undefined;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: PilotOptions) {
    const { facts, deliveries, clock, logger, name, mesh } = options;
    this.#options = options;
    this.name = `pilot/${name}`;
    this.metrics = new PilotMetrics({ nowMs: () => clock.nowMs() });
    this.#recorder = new DeliveriesRecorder({
      deliveries,
      clock,
      logger,
      pilot: name,
      isPushing: () => this.#cache.isPublishing,
      ...(options.recorder && { limits: options.recorder }),
    });
    this.#health = new HealthReports({ facts, clock, logger, pilot: name });
    this.#jwks = new JwksFetcher({
      facts,
      snapshots: this.snapshots,
      clock,
      logger,
      pilot: name,
      fetch: (uri, signal) => fetchJwks(uri, { ...options.jwks, signal }),
    });
    this.#registration = new AutoRegistration({
      facts,
      clock,
      logger,
      pilot: name,
      ...(options.registrationGraceMs !== undefined && { graceMs: options.registrationGraceMs }),
    });
    this.#tracer = new RejectionTracer({
      source: { facts, ...(mesh && { mesh }) },
      newTranslator: () => this.#newTranslator(),
      logger,
      onTraced: (traced) => this.#recorder.rejectionTraced(traced),
    });
    this.#culprits = new CulpritSearch({
      ...{ facts, clock, logger, mesh },
      newTranslator: () => this.#newTranslator(),
      onQuarantined: () => {
        this.metrics.quarantined++;
      },
    });
    this.#credentials = new CredentialStore({
      facts,
      snapshots: this.snapshots,
      clock,
      logger,
      pilot: name,
      sources: options.credentials ?? [],
      mayHold: mayHoldSecrets,
      onChange: () => this.#server.secretsChanged(),
    });
    this.#drainTimer = new GatewayDrainTimer({
      ...{ facts, clock, logger },
      snapshots: this.snapshots,
      pilot: name,
      ...(options.gatewayDrainMs !== undefined && { drainMs: options.gatewayDrainMs }),
    });
    this.#mtls = options.mtls && new MutualTlsPort({ ...options.mtls, clock, logger });
    this.#cache = new ResourceCache({
      translate: this.#newTranslator(),
      clock,
      onFailure: (failure) => this.#translationFailed(failure),
    });
    this.#server = new AdsServer({
      name,
      cache: this.#cache,
      contextOf: (node, proven) => {
        const result = (options.contextOf ?? proxyContextOf)(node);
        if (!('context' in result)) return result.problem;
        return banProblem(this.snapshots.value, { ...result, ...proven }) ?? result.context;
      },
      secretsOf: (stream, translation) => this.#credentials.secretsOf(stream, translation),
      observer: observeAll([this.metrics, this.#recorder, this.#workloadObserver()]),
      clock,
      logger,
      ...(options.mtls && { trustDomain: options.mtls.trustDomain }),
      ...(options.limits && { limits: options.limits }),
    });
    this.#reader = new FactReader({
      facts,
      clock,
      logger,
      ...(mesh && { mesh }),
      events: {
        snapshot: (snapshot) => this.#publish(snapshot),
        folded: (events) => {
          this.metrics.eventsFolded += events;
        },
        broken: (failure) => this.#culprits.foldFailed(failure, this.#signal),
        logFailed: () => {
          this.metrics.logFailures++;
        },
      },
    });
  }

  /** Ports that xDS is bound to, in the order of the addresses; resolves when they are. */
  async ports(): Promise<readonly number[]> {
    for await (const ports of this.#listening.watch(new AbortController().signal)) return ports;
    return [];
  }

  /** Port of the first xDS address; 0 until it is bound. */
  get xdsPort(): number {
    return this.#listening.value?.[0] ?? 0;
  }

  /** True once everything that was in the log has been folded and is being served. */
  ready(): boolean {
    return this.#reader.caughtUp && this.snapshots.value !== undefined && this.xdsPort !== 0;
  }

  /** Whether proxies with an SVID can connect; undefined where xDS is in plaintext alone. */
  get servesMutualTls(): boolean | undefined {
    return this.#mtls?.open;
  }

  /** Open streams of proxies, for the admin API. */
  get streams(): Iterable<AdsStream> {
    return this.#server.streams;
  }

  /** Delivery events that could not be recorded. */
  get deliveriesDropped(): number {
    return this.#recorder.dropped;
  }

  /** What is served to proxies of a context now; undefined when none is connected. */
  translationOf(context: ProxyContext) {
    return this.#cache.translationOf(context);
  }

  /** Records how far the streams are, after everything that was recorded of them before. */
  announce(progress: Omit<PilotProgressed['data'], 'pilot'>): void {
    this.#recorder.progressed(progress);
  }

  /** Serves until `signal` aborts. Rejects when xDS can't listen; an ailing log is waited out instead. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const stopRecorder = new AbortController();
    const stopAll = () => stop.abort();
    signal.addEventListener('abort', stopAll, { once: true });
    if (signal.aborted) stopAll();
    this.#signal = stop.signal;
    // The recorder stops last: streams that end still have something to record.
    const recording = this.#recorder.run(stopRecorder.signal);
    const { xds } = this.#options;
    const plaintext = 'host' in xds ? [xds] : xds;
    const mtls = this.#mtls;
    const addresses = mtls ? [...plaintext, mtls.address] : plaintext;
    try {
      await endAbandonedStreams(this.#recorder, { ...this.#options, pilot: this.#options.name, signal: stop.signal });
      await Promise.all([
        this.#credentials.run(stop.signal),
        this.#tracer.run(stop.signal),
        this.#server.run(addresses, stop.signal, (ports) => this.#listening.set(ports)).finally(stopAll),
        this.#reader.run(stop.signal),
        mtls?.run(stop.signal),
        this.#health.run(stop.signal),
        this.#jwks.run(stop.signal),
        this.#drainTimer.run(stop.signal),
        this.#registration.run(stop.signal),
      ]);
    } finally {
      signal.removeEventListener('abort', stopAll);
      await this.#culprits.settled();
      stopRecorder.abort();
      await recording;
    }
  }

  async #publish(snapshot: Snapshot): Promise<void> {
    this.snapshots.set(snapshot);
    endBannedStreams(this.#server.streams, snapshot);
    this.#registration.snapshotChanged(snapshot);
    this.metrics.published(snapshot.position, Date.parse(snapshot.time));
    this.metrics.services = snapshot.registry.services.size;
    this.#failure = undefined;
    await this.#cache.publish(snapshot);
    if (this.#failure === undefined) this.#goodPosition = snapshot.position;
  }

  #translationFailed(failure: TranslationFailure): void {
    this.metrics.translationFailures++;
    this.#failure = failure;
    this.#culprits.translationFailed(failure, this.#goodPosition, this.#signal);
  }

  #newTranslator(): Translate {
    if (this.#options.newTranslator) return this.#options.newTranslator();
    const memo = createMemo();
    return (snapshot, context) => translate(snapshot, context, memo, this.#options.environment);
  }

  #workloadObserver(): StreamObserver {
    const nothing = () => {};
    return {
      connected: (stream) => {
        if (!isAgent(stream)) this.#registration.connected(stream);
      },
      disconnected: (stream) => {
        if (!isAgent(stream)) this.#registration.disconnected(stream);
        this.#credentials.disconnected(stream);
        this.#tracer.disconnected(stream);
      },
      refused: nothing,
      pushed: nothing,
      acknowledged: (stream, answer) => this.#tracer.acknowledged(stream, answer),
      rejected: (stream, rejection) => this.#tracer.rejected(stream, rejection),
      healthReported: (stream, report) => this.#health.report(stream, report),
    };
  }
}

/** An agent's stream says nothing of whether its Envoy is there. */
const isAgent = ({ userAgent }: StreamIdentity) => userAgent === agentUserAgent;
