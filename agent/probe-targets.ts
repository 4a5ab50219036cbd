// The questions that a probe asks: by HTTP, a TCP connection, a command, or gRPC's health protocol.
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { Client, credentials } from '@grpc/grpc-js';
import { messageOf } from '../lib/mesh-error.ts';
import { httpRequest } from './http-request.ts';

/** What is asked. */
export type ProbeTarget =
  | {
      /** `http://127.0.0.1:19080/health` (any 2xx or 3xx is well) or `tcp://127.0.0.1:19080` (a connection is). */
      readonly url: string;
      /** Of HTTP. */
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      /** Program and arguments; exit code 0 is well. No shell. */
      readonly command: readonly string[];
    }
  | {
      /** `HOST:PORT` of a server of grpc.health.v1.Health; SERVING is well. */
      readonly grpc: string;
      /** Default '': the server as a whole. */
      readonly service?: string;
    };

/** For messages. */
export function targetName(target: ProbeTarget): string {
  if ('url' in target) return target.url;
  return 'command' in target ? (target.command[0] ?? '') : `grpc://${target.grpc}`;
}

/** One question: '' when the application is well, else what is wrong. */
export async function ask(target: ProbeTarget, timeoutMs: number): Promise<string> {
  if ('command' in target) return await askCommand(target.command, timeoutMs);
  if ('grpc' in target) return await askGrpc(target.grpc, target.service ?? '', timeoutMs);
  const { url, headers = {} } = target;
  return url.startsWith('tcp://') ? await askTcp(new URL(url), timeoutMs) : await askHttp(url, headers, timeoutMs);
}

async function askHttp(url: string, headers: Readonly<Record<string, string>>, timeoutMs: number): Promise<string> {
  try {
    const { status } = await httpRequest(url, { headers, timeoutMs, maxBytes: 4_096 });
    return status >= 200 && status < 400 ? '' : `${url} answered ${status}`;
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    return timedOut ? `${url} did not answer within ${timeoutMs} ms` : `${url}: ${messageOf(error)}`;
  }
}

function askTcp(url: URL, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) });
    const answer = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(timeoutMs, () => answer(`${url.host} did not accept within ${timeoutMs} ms`));
    socket.once('connect', () => answer(''));
    socket.once('error', (error) => answer(`${url.host}: ${error.message}`));
  });
}

/** What a command prints is dropped: it may be anything. */
function askCommand([program = '', ...args]: readonly string[], timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: timeoutMs, killSignal: 'SIGKILL' }, (error) => {
      if (!error) resolve('');
      else if (error.killed) resolve(`${program} did not end within ${timeoutMs} ms`);
      else resolve(typeof error.code === 'number' ? `${program} ended with ${error.code}` : messageOf(error));
    });
  });
}

/** grpc.health.v1.HealthCheckResponse.ServingStatus (grpc.io/docs/guides/health-checking). */
const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

function askGrpc(address: string, service: string, timeoutMs: number): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  const request = new BinaryWriter().tag(1, 2).string(service).finish();
  return new Promise<string>((resolve) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Uint8Array) => Buffer.from(bytes),
      statusIn,
      request,
      { deadline: Date.now() + timeoutMs },
      (error, status = 0) => {
        if (error) resolve(`grpc://${address}: ${error.details || error.message}`);
        else resolve(status === 1 ? '' : `grpc://${address} says ${servingStatuses[status] ?? status}`);
      },
    );
  }).finally(() => client.close());
}

/** Field 1 of HealthCheckResponse. */
function statusIn(bytes: Buffer): number {
  const reader = new BinaryReader(bytes);
  let status = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) status = reader.int32();
    else reader.skip(type);
  }
  return status;
}
