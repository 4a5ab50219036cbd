// A WorkloadGroup's probe as options of ours, and the answers of commands and gRPC servers.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './probe-targets.ts';
import { probeOptionsOf } from './readiness-probe.ts';

describe('probeOptionsOf', () => {
  it('has the defaults of Istio’s agent', () => {
    expect(probeOptionsOf({ httpGet: { port: 8080 } })).toEqual({
      url: 'http://localhost:8080/',
      headers: { 'user-agent': 'istio-probe/1.0' },
      initialDelayMs: 0,
      timeoutMs: 1_000,
      periodMs: 10_000,
      successThreshold: 1,
      failureThreshold: 1,
    });
    expect(probeOptionsOf({})).toBeUndefined();
  });

  it('reads every field', () => {
    const times = {
      initialDelaySeconds: 1,
      timeoutSeconds: 2,
      periodSeconds: 3,
      successThreshold: 4,
      failureThreshold: 5,
    };
    const httpHeaders = [{ name: 'Host', value: 'web' }];
    const httpGet = { scheme: 'HTTPS', host: '::1', port: 8443, path: '/ready?x=1', httpHeaders };
    expect(probeOptionsOf({ ...times, httpGet })).toEqual({
      url: 'https://[::1]:8443/ready?x=1',
      headers: { host: 'web', 'user-agent': 'istio-probe/1.0' },
      ...{ initialDelayMs: 1_000, timeoutMs: 2_000, periodMs: 3_000, successThreshold: 4, failureThreshold: 5 },
    });
    expect(probeOptionsOf({ tcpSocket: { host: '10.0.0.1', port: 9 } })).toMatchObject({ url: 'tcp://10.0.0.1:9' });
    expect(probeOptionsOf({ exec: { command: ['/bin/true'] } })).toMatchObject({ command: ['/bin/true'] });
    expect(probeOptionsOf({ grpc: { port: 9, service: 'a' } })).toMatchObject({ grpc: 'localhost:9', service: 'a' });
  });
});

describe('ask', () => {
  const server = new Server();
  let port = 0;
  beforeAll(async () => {
    const bytes = (value: Buffer) => value;
    const path = '/grpc.health.v1.Health/Check';
    const forms = {
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    server.addService(
      { check: { path, requestStream: false, responseStream: false, ...forms } },
      {
        // Field 1: 1 is SERVING, 2 NOT_SERVING.
        check: (call: { request: Buffer }, answer: (error: null, value: Buffer) => void) =>
          answer(null, Buffer.from([8, call.request.includes('well') ? 1 : 2])),
      },
    );
    port = await new Promise((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
  });
  afterAll(() => server.forceShutdown());

  it('takes a command’s exit code, and no longer than the timeout', async () => {
    expect(await ask({ command: ['true'] }, 5_000)).toBe('');
    expect(await ask({ command: ['sh', '-c', 'exit 3'] }, 5_000)).toBe('sh ended with 3');
    expect(await ask({ command: ['sleep', '60'] }, 50)).toBe('sleep did not end within 50 ms');
    expect(await ask({ command: ['/no/such/program'] }, 5_000)).toContain('ENOENT');
  });

  it('takes a gRPC server that is SERVING for well', async () => {
    expect(await ask({ grpc: `127.0.0.1:${port}`, service: 'well' }, 5_000)).toBe('');
    expect(await ask({ grpc: `127.0.0.1:${port}`, service: 'ill' }, 5_000)).toContain('says NOT_SERVING');
    expect(await ask({ grpc: '127.0.0.1:1' }, 5_000)).toContain('grpc://127.0.0.1:1');
  });
});
