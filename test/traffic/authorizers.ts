// Small external authorizers, over HTTP and over gRPC (envoy.service.auth.v3): they refuse what says `x-verdict: no`, and keep what they were asked.
import { createServer } from 'node:http';
import { create } from '@bufbuild/protobuf';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  type CheckRequest,
  type CheckResponse,
  CheckResponseSchema,
} from '../../gen/envoy/service/auth/v3/external_auth_pb.js';
import { authorizationService } from '../../services/mixer/check/authorization-server.ts';

/** A check as it arrived. */
export interface Asked {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As text, and whether it came as bytes. */
  readonly body: string;
  readonly isBytes: boolean;
}

/** One that runs. */
export interface Authorizer {
  readonly asked: readonly Asked[];
  stop(): Promise<void>;
}

/** What an answer of either kind carries besides the verdict. */
const told = { 'x-user': 'alice', 'x-team': 'gold', 'x-told': 'yes', 'x-hidden': 'yes' };

/** Answers 200 or 403 with `x-user`, `x-team`, `x-told` and `x-hidden`. */
export function startHttpAuthorizer(address: string, port: number): Promise<Authorizer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      asked.push({ path: request.url ?? '', headers, body: Buffer.concat(chunks).toString(), isBytes: false });
      response.writeHead(headers['x-verdict'] === 'no' ? 403 : 200, told).end();
    });
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve({ asked, stop }));
  });
}

/** Allows with `x-team`, or refuses with PERMISSION_DENIED. */
export async function startGrpcAuthorizer(address: string, port: number): Promise<Authorizer> {
  const asked: Asked[] = [];
  const server = new Server();
  const check: handleUnaryCall<CheckRequest, CheckResponse> = ({ request }, done) => {
    const { path = '', headers = {}, body = '', rawBody = new Uint8Array() } = request.attributes?.request?.http ?? {};
    const isBytes = rawBody.length > 0;
    asked.push({ path, headers, body: isBytes ? Buffer.from(rawBody).toString() : body, isBytes });
    const isRefused = headers['x-verdict'] === 'no';
    const okResponse = { headers: [{ header: { key: 'x-team', value: told['x-team'] } }] };
    const httpResponse = { case: 'okResponse', value: okResponse } as const;
    done(
      null,
      create(CheckResponseSchema, { status: { code: isRefused ? 7 : 0 }, ...(!isRefused && { httpResponse }) }),
    );
  };
  server.addService(authorizationService, { Check: check });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    asked,
    stop: async () => server.forceShutdown(),
  };
}
