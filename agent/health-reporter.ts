// Tells Pilot how the workload is, by an ADS stream of its own, as Istio's agent does for virtual machines.
import { create, toBinary } from '@bufbuild/protobuf';
import { type ChannelCredentials, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { DiscoveryRequestSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { StatusSchema } from '../gen/google/rpc/status_pb.js';
import { Latest } from '../lib/latest.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import { agentNode, openPilotStream } from './pilot-stream.ts';
import type { Health } from './probe.ts';
import type { Json } from './proxy-node.ts';

/** Type of the request that reports health (istio/istio pkg/model `HealthInfoType`); `error_detail` is set when unhealthy. */
export const healthTypeUrl = 'type.googleapis.com/istio.v1.HealthInformation';
/** google.rpc.Code INTERNAL, which Istio's agent sends. */
const internal = 13;

/** Who reports, and to whom. */
export interface HealthReporterOptions {
  /** `host:port` of each Pilot; the next is tried when one fails. */
  readonly pilotAddresses: readonly [string, ...string[]];
  readonly node: Readonly<Record<string, Json>>;
  /** How Pilot is spoken to, asked before each connection. Default, and where it gives none: in plaintext. */
  readonly credentials?: (signal: AbortSignal) => Promise<ChannelCredentials | undefined>;
}

/** A Service that keeps Pilot told: the newest health goes out on connecting and at every change. Rejects when the stream ends. */
export class HealthReporter implements Service {
  readonly name = 'health reporter';
  readonly #options: HealthReporterOptions;
  readonly #health = new Latest<Health>();
  #attempts = 0;

  constructor(options: HealthReporterOptions) {
    this.#options = options;
  }

  /** What Pilot is to know from now on. */
  report(health: Health): void {
    this.#health.set(health);
  }

  async run(signal: AbortSignal): Promise<void> {
    // Nothing to say, no stream: at the start Pilot may be slower than the first probe.
    for await (const _ of this.#health.watch(signal)) break;
    if (signal.aborted) return;
    const { pilotAddresses } = this.#options;
    const address = pilotAddresses[this.#attempts++ % pilotAddresses.length] ?? pilotAddresses[0];
    const security = (await this.#options.credentials?.(signal)) ?? credentials.createInsecure();
    if (signal.aborted) return;
    const { client, stream } = openPilotStream(address, security, 'StreamAggregatedResources');
    const ended = new AbortController();
    const failure = endOf(stream, address).finally(() => ended.abort());
    const writing = this.#write(stream, AbortSignal.any([signal, ended.signal]));
    try {
      // Ends when this service is to stop, or when the stream has ended.
      await writing;
      if (!signal.aborted) throw new MeshError('unavailable', await failure);
    } finally {
      stream.end();
      client.close();
    }
  }

  async #write(stream: ClientDuplexStream<Buffer, Buffer>, signal: AbortSignal): Promise<void> {
    let first = true;
    for await (const health of this.#health.watch(signal)) {
      stream.write(healthRequest(health, first ? this.#options.node : undefined));
      first = false;
    }
  }
}

/** The request that reports `health`; the node goes with a stream's first. */
export function healthRequest(health: Health, node?: Readonly<Record<string, Json>>): Buffer {
  const request = create(DiscoveryRequestSchema, { typeUrl: healthTypeUrl });
  if (node) request.node = agentNode(node);
  if (!health.healthy) request.errorDetail = create(StatusSchema, { code: internal, message: health.reason });
  return Buffer.from(toBinary(DiscoveryRequestSchema, request));
}

/** Resolves with why the stream ended; never rejects. What Pilot sends on it is of no interest. */
function endOf(stream: ClientDuplexStream<Buffer, Buffer>, address: string): Promise<string> {
  return new Promise((resolve) => {
    stream.on('data', () => {});
    stream.on('error', (error) => resolve(`Pilot at ${address}: ${error.message}`));
    stream.on('end', () => resolve(`Pilot at ${address} ended the stream`));
  });
}
