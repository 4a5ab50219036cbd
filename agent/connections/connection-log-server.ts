// Takes what its own Envoy tells of TCP connections: a gRPC access log service on a unix socket.
import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type handleClientStreamingCall,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import type { TCPAccessLogEntry } from '../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { StreamAccessLogsMessageSchema } from '../../gen/envoy/service/accesslog/v3/als_pb.js';
import { Latest } from '../../lib/latest.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import { connectionLog } from '../../mesh/telemetry/metric-tags.ts';
import { maxSocketPathBytes } from '../identity/sds-server.ts';
import type { ConnectionCounts } from './connection-counts.ts';
import type { PeerDirectory } from './peer-directory.ts';

/** A stream's first message has all of Envoy's extensions by name (some 90 KB) beside 16 KiB of entries. */
const maxMessageBytes = 1024 * 1024;

const bytes = (value: Buffer) => value;
const service = {
  StreamAccessLogs: {
    path: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
    ...{ requestStream: true, responseStream: false },
    ...{ requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes },
  },
} satisfies ServiceDefinition;

/** The socket in an agent's folder; relative to the working directory where the whole path is too long for one. */
export function connectionSocketIn(folder: string): string {
  const path = join(folder, 'als.sock');
  const short = relative(process.cwd(), path);
  return Buffer.byteLength(path) > maxSocketPathBytes && short.length < path.length ? short : path;
}

/** See the file's first line. Runs until its signal is aborted; rejects when the socket can't be opened. */
export class ConnectionLogServer implements Service {
  readonly name = 'connection log';
  /** Set once the socket is open. */
  readonly listening = new Latest<true>();
  readonly #socket: string;
  readonly #counts: ConnectionCounts;
  readonly #peers: PeerDirectory;

  constructor(options: { readonly socket: string; readonly counts: ConnectionCounts; readonly peers: PeerDirectory }) {
    this.#socket = options.socket;
    this.#counts = options.counts;
    this.#peers = options.peers;
  }

  async run(signal: AbortSignal): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': maxMessageBytes });
    const handle: handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
      // A proxy that stops ends its stream by an error: what it had told is counted.
      this.#takeAll(call).then(
        () => done(null, Buffer.alloc(0)),
        () => {},
      );
    };
    server.addService(service, { StreamAccessLogs: handle });
    try {
      await this.#listen(server);
      this.listening.set(true);
      if (!signal.aborted)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    } finally {
      server.forceShutdown();
      await rm(this.#socket, { force: true });
    }
  }

  async #takeAll(call: ServerReadableStream<Buffer, Buffer>): Promise<void> {
    for await (const message of call) {
      const { logEntries } = fromBinary(StreamAccessLogsMessageSchema, message as Buffer);
      if (logEntries.case !== 'tcpLogs') continue;
      for (const entry of logEntries.value.logEntry) this.#counts.take(entry, await this.#sourceOf(entry));
    }
  }

  /** A client's proxy knows whom it called; a server's only sees an address. */
  async #sourceOf({ commonProperties }: TCPAccessLogEntry) {
    if (commonProperties?.customTags.reporter !== 'destination') return undefined;
    const address = commonProperties.downstreamDirectRemoteAddress?.address;
    return address?.case === 'socketAddress' ? await this.#peers.find(address.value.address) : undefined;
  }

  /** Nobody else may say what this workload's connections were. */
  async #listen(server: Server): Promise<void> {
    if (Buffer.byteLength(this.#socket) > maxSocketPathBytes)
      throw new MeshError('invalid', `the socket path ${this.#socket} is longer than ${maxSocketPathBytes} bytes`);
    await mkdir(dirname(this.#socket), { recursive: true, mode: 0o700 });
    await rm(this.#socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.#socket}`, ServerCredentials.createInsecure(), (error) =>
        error
          ? reject(new MeshError('unavailable', `${connectionLog.name}: ${this.#socket}: ${messageOf(error)}`))
          : resolve(),
      );
    });
    await chmod(this.#socket, 0o600);
  }
}
