// Mixer's one gRPC port: the services that proxies call, each bounded, over mutual TLS for proxies with an identity and in plaintext for others.
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '../../lib/clock.ts';
import { type GrpcLimits, grpcServerOptions, openGrpcPort } from '../../lib/grpc-port.ts';
import type { UnaryMethod } from '../../lib/grpc-unary.ts';
import { Latest } from '../../lib/latest.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { RenewableCredentials, type ServerIdentity } from '../../lib/renewable-credentials.ts';
import { type Service, supervise } from '../../lib/service.ts';

/** One gRPC service with its implementation. */
export interface GrpcService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Methods of it that are asked once a request, by path: served past grpc-js, to the same end. */
  readonly frequent?: ReadonlyMap<string, UnaryMethod>;
}

/** Bounds of the port; `mixerLimits` says why each is what it is. */
export interface MixerLimits extends GrpcLimits {
  readonly drainMs: number;
}

/** Before any caller is known. */
export const mixerLimits: MixerLimits = {
  maxRequestBytes: 4 * 1024 * 1024, // a batch of access-log entries; a check has 200 KiB at most (Envoy's 60 KiB of headers, body off)
  maxStreamsPerConnection: 2_000, // a proxy's worker thread has one connection, and as many checks as requests under way
  maxSessionMiB: 64, // 2,000 checks of 30 KiB; batches of entries come one after the other
  idleMs: 300_000, // a quiet proxy keeps its connection: opening one anew delays a check
  drainMs: 1_000, // a proxy that stops is not waited for longer: log streams never end by themselves
};

/** As whom Mixer serves proxies that have an identity. */
export interface MixerIdentity {
  /** Of its SVID, in the namespace of Periplus' own services: what proxies expect. */
  readonly serviceAccount: string;
  /** The first certificate, then newer ones until `signal` aborts. */
  readonly identities: (signal: AbortSignal) => AsyncIterable<ServerIdentity>;
}

/** Where and what to serve. */
export interface MixerServerOptions {
  readonly host: string;
  /** 0: any free one, see `port`. */
  readonly port: number;
  readonly services: readonly GrpcService[];
  /** Absent: there is no Citadel, and everybody is served in plaintext. */
  readonly identity?: MixerIdentity;
  readonly clock: Clock;
  readonly logger?: Logger;
}

/** Serves until its signal is aborted; then it refuses new calls and gives those under way a moment. */
export class MixerServer implements Service {
  readonly name = 'mixer-server';
  /** The port once it is open. */
  readonly port = new Latest<number>();
  readonly #options: MixerServerOptions;
  #prove: (peer: string) => void = () => {};

  constructor(options: MixerServerOptions) {
    this.#options = options;
  }

  /** Rejects with MeshError `unavailable` when it can't listen. With an identity it waits for the first certificate. */
  async run(signal: AbortSignal): Promise<void> {
    const { services, clock, identity, host, port } = this.#options;
    const server = new Server({ ...grpcServerOptions(mixerLimits), 'grpc.enable_channelz': 0 });
    for (const { definition, implementation } of services)
      server.addService(definition, this.#proving(definition, implementation));
    const tls = identity && this.#renewed(identity, signal);
    if (tls) for await (const _ of tls.first.watch(signal)) break;
    if (signal.aborted) return await tls?.renewing;
    const credentials = tls?.credentials ?? ServerCredentials.createInsecure();
    const bypass = { methods: this.#frequent(), maxRequestBytes: mixerLimits.maxRequestBytes };
    const opened = await openGrpcPort(server, { what: 'Mixer', host, port, credentials, plaintextToo: !!tls, bypass });
    this.#prove = (peer) => opened.guard.prove(peer);
    this.port.set(opened.port);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    opened.close();
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    await Promise.race([drained, clock.sleep(mixerLimits.drainMs)]);
    server.forceShutdown();
    await tls?.renewing;
  }

  #renewed({ identities }: MixerIdentity, signal: AbortSignal) {
    const { clock, logger = silentLogger } = this.#options;
    const credentials = new RenewableCredentials({ requireClient: true });
    const first = new Latest<true>();
    const renew = async () => {
      for await (const identity of identities(signal)) {
        credentials.renew(identity);
        first.set(true);
      }
    };
    const renewing = supervise([{ name: 'certificate of Mixer', run: renew }], { signal, clock, logger });
    return { credentials, first, renewing };
  }

  /** The methods that are served past grpc-js; they show as well that a connection is useful. */
  #frequent(): ReadonlyMap<string, UnaryMethod> {
    const proven = new WeakSet<object>();
    const proving =
      (method: UnaryMethod): UnaryMethod =>
      (message, { headers, session }) => {
        if (session?.socket && !proven.has(session)) {
          proven.add(session);
          this.#prove(`${session.socket.remoteAddress}:${session.socket.remotePort}`);
        }
        return method(message, { headers, session });
      };
    const all = this.#options.services.flatMap(({ frequent }) => [...(frequent ?? [])]);
    return new Map(all.map(([path, method]) => [path, proving(method)]));
  }

  /** The same implementation; a connection that brought a whole message is no stranger's any more. */
  #proving(definition: ServiceDefinition, implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    const wrap = (name: string, handle: UntypedHandleCall): UntypedHandleCall => {
      const work = handle as (call: ServerUnaryCall<unknown, unknown>, done: unknown) => void;
      return (call: ServerUnaryCall<unknown, unknown>, done: unknown) => {
        if (definition[name]?.requestStream) call.once('data', () => this.#prove(call.getPeer()));
        else this.#prove(call.getPeer());
        work(call, done);
      };
    };
    return Object.fromEntries(Object.entries(implementation).map(([name, handle]) => [name, wrap(name, handle)]));
  }
}
