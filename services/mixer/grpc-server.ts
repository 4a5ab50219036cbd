// Mixer's one gRPC port: the services that proxies call, each bounded, and the standard health service.
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Clock } from '../../lib/clock.ts';
import { Latest } from '../../lib/latest.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';

/** One gRPC service with its implementation. */
export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Bounds of the port, before any caller is known. */
const limits = {
  maxRequestBytes: 4 * 1024 * 1024, // a batch of access-log entries; a check has 200 KiB at most (Envoy's 60 KiB of headers, body off)
  maxStreamsPerConnection: 2_000, // a proxy's worker thread has one connection, and as many checks as requests under way
  drainMs: 1_000, // a proxy that stops is not waited for longer: log streams never end by themselves
} as const;

/** Where and what to serve. */
export interface MixerServerOptions {
  readonly host: string;
  /** 0: any free one, see `port`. */
  readonly port: number;
  readonly services: readonly GrpcService[];
  readonly clock: Clock;
}

/** Serves until its signal is aborted; then it refuses new calls and gives those under way a moment. */
export class MixerServer implements Service {
  readonly name = 'mixer-server';
  /** The port once it is open. */
  readonly port = new Latest<number>();
  readonly #options: MixerServerOptions;

  constructor(options: MixerServerOptions) {
    this.#options = options;
  }

  /** Rejects with MeshError `unavailable` when it can't listen. */
  async run(signal: AbortSignal): Promise<void> {
    const { services, clock } = this.#options;
    const server = new Server({
      'grpc.max_receive_message_length': limits.maxRequestBytes,
      'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
      'grpc.enable_channelz': 0,
    });
    for (const { definition, implementation } of services) server.addService(definition, implementation);
    this.port.set(await listen(server, this.#options));
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await Promise.race([drained, clock.sleep(limits.drainMs)]);
    server.forceShutdown();
  }
}

function listen(server: Server, { host, port }: MixerServerOptions): Promise<number> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (!error) resolve(bound);
      else reject(new MeshError('unavailable', `Mixer can't listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
}
