// Hears of a new trust bundle at once: a stream to Pilot over mutual TLS, acknowledged when the workload's Envoy uses the bundle.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { ChannelCredentials } from '@grpc/grpc-js';
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { ProxyConfigSchema } from '../../gen/istio/mesh/v1alpha1/proxy_config_pb.js';
import { MeshError } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import { proxyConfigTypeUrl } from '../../mesh/deliveries.ts';
import { agentNode, openPilotStream, refusedCode } from '../pilot-stream.ts';
import type { Json } from '../proxy-node.ts';

/** Pilot's name for the mesh's bundle. */
const bundleName = 'ROOTCA';

/** What a watch is told. */
export interface BundleWatchOptions {
  /** `host:port` of each Pilot; the next is tried when one fails. */
  readonly pilotAddresses: readonly [string, ...string[]];
  readonly node: Readonly<Record<string, Json>>;
  readonly credentials: (signal: AbortSignal) => Promise<ChannelCredentials | undefined>;
  /** Takes a bundle (PEM) into use; resolves when Envoy uses it, or with why it can't be. */
  readonly use: (roots: string, signal: AbortSignal) => Promise<string | undefined>;
}

/** See the file's first line. Rejects when the stream ends, to be started again. */
export class BundleWatch implements Service {
  readonly name = 'trust bundle watch';
  readonly #options: BundleWatchOptions;
  #attempts = 0;

  constructor(options: BundleWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pilotAddresses, credentials } = this.#options;
    const security = await credentials(signal);
    if (signal.aborted || !security) return;
    const address = pilotAddresses[this.#attempts++ % pilotAddresses.length] ?? pilotAddresses[0];
    const { client, stream } = openPilotStream(address, security, 'DeltaAggregatedResources');
    const stop = () => stream.cancel();
    signal.addEventListener('abort', stop, { once: true });
    try {
      stream.write(this.#request());
      for await (const bytes of stream) {
        const response = fromBinary(DeltaDiscoveryResponseSchema, bytes as Buffer);
        stream.write(answer(response, await this.#take(response, signal)));
      }
      throw new MeshError('unavailable', `Pilot at ${address} ended the stream`);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      stream.cancel();
      client.close();
    }
  }

  #request(): Buffer {
    const request = {
      node: agentNode(this.#options.node),
      typeUrl: proxyConfigTypeUrl,
      resourceNamesSubscribe: [bundleName],
    };
    return encoded(request);
  }

  async #take({ resources }: DeltaDiscoveryResponse, signal: AbortSignal): Promise<string | undefined> {
    const [resource] = resources;
    // Before there is a CA there is no bundle.
    if (!resource?.resource) return undefined;
    const { caCertificatesPem } = fromBinary(ProxyConfigSchema, resource.resource.value);
    return await this.#options.use(caCertificatesPem.join(''), signal);
  }
}

function answer({ nonce }: DeltaDiscoveryResponse, problem: string | undefined): Buffer {
  const errorDetail = problem === undefined ? {} : { errorDetail: { code: refusedCode, message: problem } };
  return encoded({ typeUrl: proxyConfigTypeUrl, responseNonce: nonce, ...errorDetail });
}

function encoded(init: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1]): Buffer {
  return Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, init)));
}
