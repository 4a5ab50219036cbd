// A foreign xDS client, @grpc/grpc-js-xds, as a proxyless gRPC application: resolves a service through Pilot and follows its endpoints.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryLog } from '../events/logs/memory.ts';
import type { Endpoint } from '../events/model.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import {
  type BareFact,
  endpointAt,
  endpointDeregistered,
  endpointRegistered,
  httpService,
  serviceRegistered,
} from '../mesh/snapshot-fixture.ts';
import { Pilot } from '../services/pilot/pilot.ts';

const service = httpService('echo', {
  addresses: ['10.1.0.1'],
  ports: [{ name: 'grpc', port: 7070, protocol: 'GRPC' }],
});
const facts = new MemoryLog();
const deliveries = new MemoryLog();
const pilot = new Pilot({
  facts,
  deliveries,
  clock: systemClock,
  logger: silentLogger,
  name: 'foreign-test',
  xds: { host: '127.0.0.1', port: 0 },
});
const stop = new AbortController();
const servers: Server[] = [];
let running: Promise<void>;
let client: ChildProcess;
let appended = 0;

async function append(...bare: BareFact[]): Promise<void> {
  const common = () => ({
    id: `fact-${++appended}`,
    source: '/test',
    time: new Date().toISOString(),
    actor: 'user:test',
    causes: [],
  });
  await facts.append(bare.map((fact) => ({ event: { ...fact, ...common() } })));
}

/** A gRPC server that answers every call of /echo.Echo/Who with its name. */
async function startEcho(name: string): Promise<Endpoint> {
  const server = new Server();
  const identity = (bytes: Buffer) => bytes;
  const who = { path: '/echo.Echo/Who', requestStream: false, responseStream: false } as const;
  const codec = {
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
  server.addService(
    { Who: { ...who, ...codec } },
    { Who: (_: unknown, answer: (e: null, r: Buffer) => void) => answer(null, Buffer.from(name)) },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  servers.push(server);
  return endpointAt(service, '127.0.0.1', { id: name, ports: { grpc: port } });
}

/** Asks the client to call until `done` says so of an answer; gives that answer. */
async function callUntil(done: (answer: string) => boolean): Promise<string> {
  for (let attempt = 0; attempt < 300; attempt++) {
    client.send('call');
    const [answer] = (await once(client, 'message')) as [string];
    if (done(answer)) return answer;
    await systemClock.sleep(50);
  }
  throw new Error('the client never got there');
}

beforeAll(async () => {
  running = pilot.run(stop.signal);
  await pilot.ports();
  while (!pilot.ready()) await systemClock.sleep(5);
});

afterAll(async () => {
  client?.kill();
  for (const server of servers) server.forceShutdown();
  stop.abort();
  await running;
});

describe('proxyless gRPC', () => {
  it('resolves a service and sees its endpoints change', async () => {
    const first = await startEcho('first');
    await append(serviceRegistered(service), endpointRegistered(first));
    const bootstrap = {
      xds_servers: [
        {
          server_uri: `127.0.0.1:${pilot.xdsPort}`,
          channel_creds: [{ type: 'insecure' }],
          server_features: ['xds_v3'],
        },
      ],
      node: {
        id: 'sidecar~127.0.0.1~app.default~default.svc.cluster.local',
        metadata: { GENERATOR: 'grpc', NAMESPACE: 'default' },
        locality: {},
      },
    };
    client = fork(new URL('./support/foreign-grpc-client.ts', import.meta.url), [`xds:///${service.hostname}:7070`], {
      env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) },
    });
    expect(await callUntil((answer) => !answer.startsWith('error'))).toBe('first');
    const second = await startEcho('second');
    await append(endpointRegistered(second), endpointDeregistered(first));
    expect(await callUntil((answer) => answer === 'second')).toBe('second');
    expect(pilot.metrics.nacks.size).toBe(0);
    const connected = deliveries.read({ types: ['io.periplus.delivery.proxy-connected'] });
    for await (const event of connected)
      expect(event.data).toMatchObject({ protocol: 'sotw', context: { generator: 'grpc' } });
    expect([...pilot.metrics.acks.keys()].sort()).toEqual(['cds', 'eds', 'lds', 'rds']);
  });
});
