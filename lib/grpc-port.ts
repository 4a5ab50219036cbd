// Opens a gRPC server's port behind a connection guard: what reaches the HTTP/2 code is bounded in number, silence and size.
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { type Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { admitInTurn } from './admission.ts';
import { type ConnectionGuard, type ConnectionLimits, guardConnections } from './connection-guard.ts';
import { MeshError } from './mesh-error.ts';
import { bypassUnaryCalls, type UnaryBypass } from './unary-bypass.ts';

/** Bounds of a gRPC server on what one connection may do. */
export interface GrpcLimits {
  readonly maxRequestBytes: number;
  readonly maxStreamsPerConnection: number;
  /** What the HTTP/2 code may hold for one connection: beyond it new streams are refused. */
  readonly maxSessionMiB: number;
  /** A connection without streams is closed after this. Clients open it again when they need it. */
  readonly idleMs: number;
}

/** Header bytes and lines are bounded by Node's HTTP/2 at 64 KiB and 128, a stream's resets at 33 a second: nothing of ours needs more. */
export function grpcServerOptions(limits: GrpcLimits): ServerOptions {
  return {
    'grpc.max_receive_message_length': limits.maxRequestBytes,
    'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
    // Without it grpc-js takes away Node's own bound.
    'grpc-node.max_session_memory': limits.maxSessionMiB,
    'grpc.max_connection_idle_ms': limits.idleMs,
  };
}

/** A mesh that connects at once: who finds the queue full tries again after 1, 3, 7… seconds. The kernel may have a lower bound. */
const backlog = 4_096;

/** A TLS handshake takes 2 ms: what is under way is held up by 32 ms at most. */
const perTurn = 16;

/** An open port. */
export interface GrpcPort {
  readonly port: number;
  /** To be told which connections have shown to be useful. */
  readonly guard: ConnectionGuard;
  /** Takes no further connections; those there are belong to the server. */
  close(): void;
}

/** Listens for `server`. Rejects with MeshError `unavailable`, which begins with `what`, when the address can't be bound. */
export async function openGrpcPort(
  server: Server,
  options: {
    /** For the message: `xDS`. */
    readonly what: string;
    readonly host: string;
    /** 0: any free port. */
    readonly port: number;
    readonly credentials: ServerCredentials;
    readonly limits?: ConnectionLimits;
    /** With TLS in `credentials`: who begins without it is served too, on the same port. */
    readonly plaintextToo?: boolean;
    /** Frequent calls that `server` has too, and that are served past it. */
    readonly bypass?: UnaryBypass;
    /** Whether another connection is to be let in now; always by default. */
    readonly hasRoom?: () => boolean;
  },
): Promise<GrpcPort> {
  const { what, host, port, credentials, plaintextToo = false, hasRoom = () => true } = options;
  const listener = createServer({ noDelay: true });
  const guard = guardConnections(listener, options.limits);
  const injector = server.createConnectionInjector(credentials);
  const plain = plaintextToo ? server.createConnectionInjector(ServerCredentials.createInsecure()) : undefined;
  if (options.bypass) bypassUnaryCalls(server, options.bypass);
  const admit = (socket: Socket) => (plain && !beginsTls(socket) ? plain : injector).injectConnection(socket);
  const offer = admitInTurn({ perTurn, hasRoom: (socket) => hasRoom() && guard.letIn(socket), admit });
  listener.on('connection', (socket) => {
    if (socket.destroyed) return;
    // Resets are the peer's business; without a listener they would end the process.
    socket.on('error', () => {});
    offer(socket);
  });
  try {
    await listen(listener, host, port);
  } catch (error) {
    injector.destroy();
    plain?.destroy();
    const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const why = error instanceof Error ? error.message : String(error);
    throw new MeshError('unavailable', `${what} can't listen on ${at}: ${why}`, { cause: error });
  }
  const address = listener.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    guard,
    close: () => void listener.close(),
  };
}

/** ContentType handshake (RFC 8446, 5.1). No HTTP/2 client begins so: its preface is text. */
const handshake = 0x16;

/** Whether the client speaks TLS; what it sent stays to be read. */
function beginsTls(socket: Socket): boolean {
  const sent: Buffer | null = socket.read();
  if (sent) socket.unshift(sent);
  return sent?.[0] === handshake;
}

function listen(server: NetServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
