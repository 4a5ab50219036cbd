// A raw ADS client and a server with a hand-fed translation, for tests and measurements.
import { fromBinary, type JsonObject } from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  type StatusObject,
} from '@grpc/grpc-js';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { Translation } from '../translate/translation.ts';
import type { AdsLimits } from './ads-limits.ts';
import { AdsServer } from './ads-server.ts';
import { adsService } from './ads-service.ts';
import { ResourceCache } from './resource-cache.ts';
import type { Protocol } from './response-codec.ts';
import type { StreamObserver } from './stream-observer.ts';
import { deltaBytes, sotwBytes } from './xds-fixture.ts';

/** A response as a test looks at it. */
export interface Received {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** `name=content`; SotW's Anys have no name: `content` alone. */
  readonly resources: readonly string[];
  readonly removed: readonly string[];
}

type SotwInit = Parameters<typeof sotwBytes>[0];
type DeltaInit = Parameters<typeof deltaBytes>[0];

/** One stream; `next` waits for a response. */
export class AdsClient {
  readonly protocol: Protocol;
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly status: Promise<StatusObject>;
  readonly #client: Client;
  readonly #received: Received[] = [];
  #waiting: ((received: Received) => void) | undefined;
  #node: { id: string; metadata?: JsonObject } | undefined;

  constructor(
    port: number,
    protocol: Protocol,
    options: { id?: string; metadata?: JsonObject; paused?: boolean; credentials?: ChannelCredentials } = {},
  ) {
    this.protocol = protocol;
    const id = options.id ?? 'sidecar~10.0.0.1~a.default~default.svc.cluster.local';
    this.#node = { id, ...(options.metadata && { metadata: options.metadata }) };
    this.#client = new Client(`127.0.0.1:${port}`, options.credentials ?? credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
    const method = protocol === 'sotw' ? adsService.StreamAggregatedResources : adsService.DeltaAggregatedResources;
    this.call = this.#client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
    this.status = new Promise((resolve) => this.call.on('status', resolve));
    this.call.on('error', () => {});
    if (!options.paused) this.call.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  sotw(request: SotwInit): this {
    this.call.write(sotwBytes({ ...request, ...this.#nodeOnce() } as SotwInit));
    return this;
  }

  delta(request: DeltaInit): this {
    this.call.write(deltaBytes({ ...request, ...this.#nodeOnce() } as DeltaInit));
    return this;
  }

  /** ACKs; with `names` as SotW wants them. */
  ack(response: Received, names: string[] = []): this {
    const { typeUrl, nonce, version } = response;
    return this.protocol === 'sotw'
      ? this.sotw({ typeUrl, responseNonce: nonce, versionInfo: version, resourceNames: names })
      : this.delta({ typeUrl, responseNonce: nonce });
  }

  nack(response: Received, message: string, names: string[] = []): this {
    const { typeUrl, nonce } = response;
    const errorDetail = { code: 3, message };
    return this.protocol === 'sotw'
      ? this.sotw({ typeUrl, responseNonce: nonce, errorDetail, resourceNames: names })
      : this.delta({ typeUrl, responseNonce: nonce, errorDetail });
  }

  /** The next response in order of arrival. */
  next(): Promise<Received> {
    const received = this.#received.shift();
    if (received) return Promise.resolve(received);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Responses that have come and were not asked for. */
  get unread(): readonly Received[] {
    return this.#received;
  }

  close(): void {
    this.call.cancel();
    this.#client.close();
  }

  #nodeOnce() {
    const node = this.#node;
    this.#node = undefined;
    return node ? { node } : {};
  }

  #take(bytes: Buffer): void {
    const received = this.protocol === 'sotw' ? sotwReceived(bytes) : deltaReceived(bytes);
    if (!this.#waiting) return void this.#received.push(received);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting(received);
  }
}

function sotwReceived(bytes: Buffer): Received {
  const { typeUrl, nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, bytes);
  return {
    typeUrl,
    nonce,
    version: versionInfo,
    removed: [],
    resources: resources.map(({ value }) => Buffer.from(value).toString()),
  };
}

function deltaReceived(bytes: Buffer): Received {
  const { typeUrl, nonce, systemVersionInfo, resources, removedResources } = fromBinary(
    DeltaDiscoveryResponseSchema,
    bytes,
  );
  return {
    typeUrl,
    nonce,
    version: systemVersionInfo,
    removed: removedResources,
    resources: resources.map(({ name, resource }) => `${name}=${Buffer.from(resource?.value ?? []).toString()}`),
  };
}

/** What an observer was told: the method's name and its last argument's most telling field. */
export type Told = readonly [what: keyof StreamObserver, detail: string];

/** An observer that keeps what it is told. */
export function recordingObserver(told: Told[]): StreamObserver {
  return {
    connected: (stream) => void told.push(['connected', stream.proxyId]),
    disconnected: (_, reason) => void told.push(['disconnected', reason]),
    refused: (refusal) => void told.push(['refused', refusal.reason]),
    pushed: (_, push) => void told.push(['pushed', push.typeUrl]),
    acknowledged: (_, answer) => void told.push(['acknowledged', answer.typeUrl]),
    rejected: (_, answer) => void told.push(['rejected', answer.message]),
    healthReported: (_, report) => void told.push(['healthReported', report.healthy ? 'healthy' : report.reason]),
  };
}

/** A context that depends on the node's id alone, as `sidecar~IP~…` addresses do. */
export function contextFor(id: string): ProxyContext {
  return {
    type: id.startsWith('router~') ? 'router' : 'sidecar',
    generator: 'envoy',
    namespace: 'default',
    labels: {},
    addresses: [id.split('~')[1] ?? ''],
    dnsDomain: 'default.svc.cluster.local',
    clusterId: 'Kubernetes',
    network: '',
    locality: '',
    serviceAccount: '',
    interceptionMode: 'REDIRECT',
    httpProxyPort: 0,
  };
}

/** A server whose translation a test sets. */
export async function startServer(
  first: Translation,
  options: { limits?: Partial<AdsLimits>; observer?: StreamObserver; perContext?: boolean } = {},
) {
  let translation = first;
  const failures: unknown[] = [];
  const cache = new ResourceCache({
    translate: () => translation,
    clock: systemClock,
    onFailure: (failure) => failures.push(failure),
  });
  const server = new AdsServer({
    name: 'pilot-test',
    cache,
    contextOf: (node) =>
      node.id === '' ? 'the node has no id' : contextFor(options.perContext ? node.id : '~10.0.0.1'),
    observer: options.observer ?? recordingObserver([]),
    clock: systemClock,
    logger: silentLogger,
    ...(options.limits && { limits: options.limits }),
  });
  const stop = new AbortController();
  await cache.publish(snapshotOf({}));
  let ended: Promise<void> = Promise.resolve();
  const port = await new Promise<number>((resolve, reject) => {
    ended = server.run([{ host: '127.0.0.1', port: 0 }], stop.signal, ([bound]) => resolve(bound ?? 0));
    ended.catch(reject);
  });
  return {
    port,
    server,
    cache,
    failures,
    publish: (next: Translation) => {
      translation = next;
      return cache.publish(snapshotOf({}));
    },
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}
