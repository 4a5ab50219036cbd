// Applications for agents to probe: an HTTPS server that answers only as it is asked, and gRPC's health service.
import { createServer } from 'node:https';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { TestCertificates } from './certificates.ts';

/** What a probe asked, and what the test has it answered. */
export interface ProbedApp {
  /** `well`: 200 to a GET of `/ready` with the header `x-probe: yes`; `mute`: nothing. */
  state: 'well' | 'mute';
  /** Questions since `state` was set by `become`. */
  asked: number;
  /** The last question. */
  last: string;
  become(state: ProbedApp['state']): void;
  stop(): Promise<void>;
}

/** Starts the HTTPS server. */
export function startProbedApp(
  { address, port }: { readonly address: string; readonly port: number },
  { server: { key, certificate: cert } }: Pick<TestCertificates, 'server'>,
): Promise<ProbedApp> {
  const server = createServer({ key, cert }, (request, response) => {
    app.asked++;
    const { method, url, headers } = request;
    app.last = [method, url, headers.host, headers['x-probe']].join(' ');
    if (app.state === 'mute') return;
    response.writeHead(url === '/ready' && headers['x-probe'] === 'yes' ? 200 : 404).end();
  });
  const app: ProbedApp = {
    state: 'well',
    asked: 0,
    last: '',
    become: (state) => Object.assign(app, { state, asked: 0 }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve(app));
  });
}

/** A server of grpc.health.v1.Health that says SERVING of the service `web` while `serving` holds, and of no other. */
export async function startGrpcHealth(port: number): Promise<{ serving: boolean; stop(): void }> {
  const server = new Server();
  const health = { serving: false, stop: () => server.forceShutdown() };
  const same = (bytes: Buffer) => bytes;
  const forms = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { check: { path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false, ...forms } },
    {
      // Field 1 of the request is the service's name; of the response, the status: 1 is SERVING, 2 NOT_SERVING.
      check: ({ request }: { request: Buffer }, answer: (error: null, value: Buffer) => void) =>
        answer(null, Buffer.from([8, health.serving && request.subarray(2).toString() === 'web' ? 1 : 2])),
    },
  );
  await new Promise((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(undefined),
    ),
  );
  return health;
}
