import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryLogs } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { createIdentityApp } from '../services/pilot/admin/identity-app.ts';
import type { IdentityAdmin } from '../services/pilot/admin/routes-identity.ts';
import { freePorts } from '../test/support/free-port.ts';
import { createHealthServer } from './health-server.ts';

describe('the health of a process without Pilot', () => {
  let stop: AbortController;
  let running: Promise<void>;
  beforeEach(() => {
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  it('answers whatever a path looks like', async () => {
    const port = await new Promise<number>((onListening) => {
      const options = { logs: openMemoryLogs(), readiness: () => [], host: '127.0.0.1', ports: [0], version: '1' };
      running = createHealthServer({ ...options, onListening }).run(stop.signal);
    });
    const ask = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
        });
        let answer = '';
        socket.on('data', (bytes) => (answer += String(bytes))).on('error', reject);
        socket.on('close', () => resolve(answer.split(' ')[1] ?? ''));
      });
    const answers = await Promise.all(
      ['//', '/%', 'http://[', '///x', '/?', '/healthz?x=1', '/readyz', '/metrics'].map(ask),
    );
    expect(answers).toEqual(['404', '404', '404', '404', '404', '200', '200', '200']);
  });

  it('has the identity routes on its first port alone, for this machine’s users and not for their web pages', async () => {
    const identity = { caStatus: async () => ({ bundle: 1 }) } as unknown as IdentityAdmin;
    const api = () => createIdentityApp({ identity, clock: systemClock, logger: silentLogger });
    const [first = 0, second = 0] = await freePorts(2);
    await new Promise<number>((onListening) => {
      const options = { logs: openMemoryLogs(), readiness: () => [], host: '127.0.0.1', version: '1', api };
      running = createHealthServer({ ...options, ports: [first, second], onListening }).run(stop.signal);
    });
    const ask = async (port: number, headers: Record<string, string> = {}) => {
      const request = get({ host: '127.0.0.1', port, path: '/api/v1/ca', headers, agent: false });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      return [response.statusCode, await text(response)];
    };
    expect(await ask(first)).toEqual([200, '{"bundle":1}']);
    expect((await ask(first, { host: 'evil.example' }))[0]).toBe(403);
    expect((await ask(first, { authorization: 'Bearer x' }))[0]).toBe(401);
    expect((await ask(second))[0]).toBe(404);
  });
});
