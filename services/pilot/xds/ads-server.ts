// The gRPC face of Pilot: envoy.service.discovery.v3.AggregatedDiscoveryService, SotW and incremental, on raw bytes.
import { randomUUID } from 'node:crypto';
import { type handleBidiStreamingCall, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '../../../lib/clock.ts';
import { type GrpcPort, openGrpcPort } from '../../../lib/grpc-port.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import { typeUrls } from '../translate/translation.ts';
import { type AdsLimits, defaultAdsLimits, serverOptions } from './ads-limits.ts';
import { adsService } from './ads-service.ts';
import { AdsStream } from './ads-stream.ts';
import { CallTransport } from './call-transport.ts';
import { NameInterner } from './name-set.ts';
import type { ResourceCache } from './resource-cache.ts';
import { ResponseCache } from './response-cache.ts';
import type { Protocol } from './response-codec.ts';
import { SharedSelections } from './selection.ts';
import type { StreamMeans } from './stream-means.ts';
import type { StreamObserver } from './stream-observer.ts';
import { WriteBudget } from './write-budget.ts';

/** Where the server listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Plaintext when absent. */
  readonly credentials?: ServerCredentials;
}

/** How long stopping waits for proxies to take the end of their streams, in ms. */
const shutdownMs = 250;

/** See the file's first line. */
export class AdsServer {
  readonly #cache: ResourceCache;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: AdsLimits;
  readonly #means: StreamMeans;
  readonly #budget: WriteBudget;
  readonly #responses: ResponseCache;
  readonly #streams = new Map<AdsStream, CallTransport>();
  /** Streams of which nobody knows whose they are, the oldest first. */
  readonly #strangers = new Set<AdsStream>();
  readonly #ports: GrpcPort[] = [];
  /** Stream ids must differ between runs of one Pilot: they name events. */
  readonly #run = randomUUID().slice(0, 8);
  #opened = 0;

  constructor(options: {
    /** Pilot's name; Envoy's admin shows it as the control plane. */
    readonly name: string;
    readonly cache: ResourceCache;
    readonly contextOf: StreamMeans['contextOf'];
    readonly observer: StreamObserver;
    /** See StreamMeans. */
    readonly secretsOf?: NonNullable<StreamMeans['secretsOf']>;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Of the SVIDs that clients show at ports with TLS. */
    readonly trustDomain?: string;
    readonly limits?: Partial<AdsLimits>;
  }) {
    this.#cache = options.cache;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#limits = { ...defaultAdsLimits, ...options.limits };
    this.#budget = new WriteBudget({ maxBytes: this.#limits.maxUnreadBytes });
    this.#responses = new ResponseCache({ controlPlane: options.name });
    this.#means = {
      selections: new SharedSelections(),
      responses: this.#responses,
      interner: new NameInterner(),
      observer: options.observer,
      clock: options.clock,
      contextOf: options.contextOf,
      join: (stream, context) => this.#cache.join(stream, context),
      ...(options.secretsOf && { secretsOf: options.secretsOf }),
      trustDomain: options.trustDomain,
      limits: this.#limits,
    };
  }

  /** Open streams. */
  get streams(): Iterable<AdsStream> {
    return this.#streams.keys();
  }

  /** Sends what streams are due now that secrets which ask for nothing new have their keys. */
  secretsChanged(): void {
    for (const stream of [...this.#streams.keys()]) if (stream.subscription(typeUrls.secret)) stream.flush();
  }

  /** Number of open streams. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Bytes written that clients have not taken yet, stalled ones included. */
  get unreadBytes(): number {
    let bytes = 0;
    for (const transport of this.#streams.values()) bytes += transport.unreadBytes;
    return bytes;
  }

  /**
   * Serves until `signal` aborts; `onListening` gets the ports that were bound, in order. Rejects with MeshError `unavailable` when an
   * address can't be bound.
   */
  async run(
    addresses: readonly ListenAddress[],
    signal: AbortSignal,
    onListening: (ports: readonly number[]) => void,
  ): Promise<void> {
    const server = new Server(serverOptions(this.#limits));
    server.addService(adsService, {
      StreamAggregatedResources: this.#handler('sotw'),
      DeltaAggregatedResources: this.#handler('delta'),
    });
    try {
      for (const address of addresses) this.#ports.push(await open(server, address));
      onListening(this.#ports.map(({ port }) => port));
      await this.#watch(signal);
    } finally {
      for (const port of this.#ports.splice(0)) port.close();
      for (const stream of [...this.#streams.keys()]) stream.end('unavailable', 'this Pilot is stopping');
      // Proxies are told why; those that do not listen are not waited for.
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await Promise.race([closed, this.#clock.sleep(shutdownMs)]);
      server.forceShutdown();
    }
  }

  #handler(protocol: Protocol): handleBidiStreamingCall<Buffer, Buffer> {
    return (call) => this.#open(call, protocol);
  }

  #open(call: ServerDuplexStream<Buffer, Buffer>, protocol: Protocol): void {
    const transport = new CallTransport({ call, budget: this.#budget, clock: this.#clock, wake: () => stream.flush() });
    const stream = new AdsStream({
      id: `${this.#run}-${++this.#opened}`,
      protocol,
      transport,
      means: this.#means,
    });
    call.on('error', (error) => this.#close(stream, messageOf(error)));
    const full = this.#streams.size >= this.#limits.maxStreams;
    const [stranger] = this.#strangers;
    // A crowd that opens streams and says nothing must not keep proxies out.
    if (full && stranger) stranger.end('exhausted', 'this Pilot is full, and no request came');
    else if (full) {
      stream.end('exhausted', `this Pilot serves at most ${this.#limits.maxStreams} streams`);
      return;
    }
    this.#streams.set(stream, transport);
    this.#strangers.add(stream);
    call.on('data', (bytes: Buffer) => this.#receive(stream, bytes));
    call.on('end', () => {
      this.#close(stream, 'the proxy closed the stream');
      transport.finish();
    });
    call.on('cancelled', () => this.#close(stream, 'the connection was closed'));
    call.on('close', () => this.#close(stream, 'the connection was closed'));
  }

  #receive(stream: AdsStream, bytes: Buffer): void {
    try {
      stream.receive(bytes);
      if (stream.identity && this.#strangers.delete(stream))
        for (const { guard } of this.#ports) guard.prove(this.#streams.get(stream)?.peer ?? '');
    } catch (error) {
      // A fault of ours must cost this stream, not all.
      this.#logger.error(
        { stream: stream.id, proxy: stream.identity?.proxyId, error: messageOf(error) },
        'an xDS request failed',
      );
      stream.end('unavailable', 'internal error');
    }
  }

  #close(stream: AdsStream, reason: string): void {
    const transport = this.#streams.get(stream);
    if (!transport) return;
    this.#streams.delete(stream);
    this.#strangers.delete(stream);
    transport.release();
    if (stream.identity) this.#cache.leave(stream, stream.identity.context);
    stream.closed(reason);
  }

  /** Looks after time limits. A quarter of a second is fine enough for limits of seconds and costs nothing. */
  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(250, signal).catch(() => {});
      const nowMs = this.#clock.nowMs();
      for (const stream of [...this.#streams.keys()]) {
        if (!stream.identity && nowMs - stream.openedMs > this.#limits.firstRequestMs) {
          stream.end('unavailable', 'no request came');
        } else if (stream.provenUntilMs <= nowMs) {
          this.#endConnection(stream, 'the client certificate has expired: connect again with a newer one');
        } else stream.tick();
      }
      this.#watchStalled(nowMs);
    }
  }

  /** Envoy would open its next stream on the connection that it has, which shows the old certificate for as long as it lasts. */
  #endConnection(stream: AdsStream, reason: string): void {
    const peer = this.#streams.get(stream)?.peer ?? '';
    stream.end('unavailable', reason);
    // After the status, which is under way by then.
    setImmediate(() => {
      for (const { guard } of this.#ports) guard.end(peer);
    });
  }

  #watchStalled(nowMs: number): void {
    const stalled: [AdsStream, CallTransport][] = [];
    let bytes = 0;
    for (const [stream, transport] of this.#streams) {
      if (!transport.checkStalled(nowMs, this.#limits.stalledAfterMs)) continue;
      stalled.push([stream, transport]);
      bytes += transport.unreadBytes;
    }
    stalled.sort(([, a], [, b]) => a.stalledSinceMs - b.stalledSinceMs);
    for (const [stream, transport] of stalled) {
      if (bytes <= this.#limits.maxStalledBytes) return;
      bytes -= transport.unreadBytes;
      this.#logger.warn(
        { stream: stream.id, proxy: stream.identity?.proxyId },
        'disconnecting a proxy that does not read',
      );
      stream.end('exhausted', 'the proxy does not read what it is sent');
    }
  }
}

function open(server: Server, { host, port, credentials }: ListenAddress): Promise<GrpcPort> {
  return openGrpcPort(server, {
    what: 'xDS',
    host,
    port,
    credentials: credentials ?? ServerCredentials.createInsecure(),
  });
}
