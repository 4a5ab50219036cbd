// Serves the workload's secrets to its own Envoy over a unix socket: envoy.service.secret.v3.SecretDiscoveryService, SotW and delta.
import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import { type EncodedSecret, secretsOf, secretTypeUrl } from './sds-secrets.ts';
import { type SdsRequest, type SdsResponse, SdsStream } from './sds-stream.ts';
import type { WorkloadSvid } from './workload-svid.ts';

/** Linux keeps 108 bytes for a socket's path, its end included. */
export const maxSocketPathBytes = 107;
/** An Envoy opens one stream for each secret that its clusters and listeners name. */
const maxStreams = 1_000;
const maxRequestBytes = 256 * 1024;

const buffers = {
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
};
const method = (name: string, stream: boolean) => ({
  path: `/envoy.service.secret.v3.SecretDiscoveryService/${name}`,
  requestStream: stream,
  responseStream: stream,
  ...buffers,
});
const service = {
  StreamSecrets: method('StreamSecrets', true),
  DeltaSecrets: method('DeltaSecrets', true),
  FetchSecrets: method('FetchSecrets', false),
} satisfies ServiceDefinition;

/** A Service that serves `svid`, and each newer one, until its signal is aborted. Rejects when the socket can't be opened. */
export class SdsServer implements Service {
  readonly name = 'SDS server';
  /** Set once the socket is open. */
  readonly listening = new Latest<true>();
  readonly #socket: string;
  readonly #svid: Latest<WorkloadSvid>;
  readonly #logger: Logger;
  readonly #streams = new Map<SdsStream, (response: SdsResponse) => void>();
  #secrets: ReadonlyMap<string, EncodedSecret> | undefined;
  /** Changes with each answer, each new secret and each stream that ends. */
  readonly #progress = new Latest<object>();

  constructor(options: { readonly socket: string; readonly svid: Latest<WorkloadSvid>; readonly logger: Logger }) {
    if (Buffer.byteLength(options.socket) > maxSocketPathBytes)
      throw new MeshError('invalid', `the socket path ${options.socket} is longer than ${maxSocketPathBytes} bytes`);
    this.#socket = options.socket;
    this.#svid = options.svid;
    this.#logger = options.logger;
  }

  async run(signal: AbortSignal): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': maxRequestBytes });
    const unary: handleUnaryCall<Buffer, Buffer> = (call, done) => {
      const stream = new SdsStream({ delta: false });
      stream.request(sotwRequest(call.request));
      const response = stream.respond(this.#secrets);
      if (response) done(null, sotwResponse(response));
      else done({ code: status.UNAVAILABLE, details: 'there is no such secret yet' });
    };
    server.addService(service, {
      StreamSecrets: this.#handler({ delta: false }),
      DeltaSecrets: this.#handler({ delta: true }),
      FetchSecrets: unary,
    });
    try {
      await this.#listen(server);
      this.listening.set(true);
      for await (const svid of this.#svid.watch(signal)) {
        this.#secrets = secretsOf(svid);
        for (const [stream, send] of this.#streams) {
          const response = stream.respond(this.#secrets);
          if (response) send(response);
        }
        this.#progress.set({});
      }
    } finally {
      server.forceShutdown();
      await rm(this.#socket, { force: true });
    }
  }

  /** Resolves when every client that wants the secret `name` has answered its `version`; with why one of them refused it. */
  async delivered(name: string, version: string, signal: AbortSignal): Promise<string | undefined> {
    for await (const _ of this.#progress.watch(signal)) {
      const streams = [...this.#streams.keys()];
      if (this.#secrets?.get(name)?.version !== version || streams.some((stream) => stream.awaits(name))) continue;
      return streams.map((stream) => stream.refusalOf(name)).find((refusal) => refusal !== undefined);
    }
    return 'the agent is stopping';
  }

  /** Whoever can open the socket gets the private key: only this user can. */
  async #listen(server: Server): Promise<void> {
    await mkdir(dirname(this.#socket), { recursive: true, mode: 0o700 });
    await rm(this.#socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.#socket}`, ServerCredentials.createInsecure(), (error) =>
        error
          ? reject(new MeshError('unavailable', `SDS can't listen on ${this.#socket}: ${error.message}`))
          : resolve(),
      );
    });
    await chmod(this.#socket, 0o600);
  }

  #handler(options: { readonly delta: boolean }): handleBidiStreamingCall<Buffer, Buffer> {
    const [decode, encode] = options.delta ? [deltaRequest, deltaResponse] : [sotwRequest, sotwResponse];
    return (call: ServerDuplexStream<Buffer, Buffer>) => {
      const stream = new SdsStream(options);
      const close = () => {
        this.#streams.delete(stream);
        this.#progress.set({});
      };
      for (const event of ['error', 'cancelled', 'close', 'end']) call.on(event, close);
      if (this.#streams.size >= maxStreams) {
        call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: `SDS serves at most ${maxStreams} streams` });
        return;
      }
      const send = (response: SdsResponse) => call.write(encode(response));
      this.#streams.set(stream, send);
      call.on('end', () => call.end());
      call.on('data', (bytes: Buffer) => {
        let request: SdsRequest;
        try {
          request = decode(bytes);
        } catch {
          call.emit('error', { code: status.INVALID_ARGUMENT, details: 'this is no discovery request' });
          return;
        }
        if (request.error !== undefined) this.#logger.warn({ error: request.error }, 'Envoy refused a secret');
        const response = stream.request(request) ? stream.respond(this.#secrets) : undefined;
        if (response) send(response);
        this.#progress.set({});
      });
    };
  }
}

function sotwRequest(bytes: Buffer): SdsRequest {
  const { responseNonce: nonce, errorDetail, resourceNames: names } = fromBinary(DiscoveryRequestSchema, bytes);
  return { nonce, error: errorDetail?.message, names, unsubscribe: [], initialVersions: {} };
}

function deltaRequest(bytes: Buffer): SdsRequest {
  const request = fromBinary(DeltaDiscoveryRequestSchema, bytes);
  return {
    nonce: request.responseNonce,
    error: request.errorDetail?.message,
    names: request.resourceNamesSubscribe,
    unsubscribe: request.resourceNamesUnsubscribe,
    initialVersions: request.initialResourceVersions,
  };
}

function sotwResponse({ nonce, version, secrets }: SdsResponse): Buffer {
  const resources = secrets.map(({ resource }) => resource);
  const message = create(DiscoveryResponseSchema, { versionInfo: version, nonce, typeUrl: secretTypeUrl, resources });
  return Buffer.from(toBinary(DiscoveryResponseSchema, message));
}

function deltaResponse({ nonce, version, secrets, removed }: SdsResponse): Buffer {
  const message = create(DeltaDiscoveryResponseSchema, {
    systemVersionInfo: version,
    nonce,
    typeUrl: secretTypeUrl,
    resources: secrets.map(({ name, version: own, resource }) => ({ name, version: own, resource })),
    removedResources: [...removed],
  });
  return Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message));
}
