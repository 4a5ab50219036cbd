import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { openMemoryLogs } from '../events/logs/memory.ts';
import { createHealthServer } from './health-server.ts';

describe('the health of a process without Pilot', () => {
  const stop = new AbortController();
  let running: Promise<void>;
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
        let text = '';
        socket.on('data', (bytes) => (text += String(bytes))).on('error', reject);
        socket.on('close', () => resolve(text.split(' ')[1] ?? ''));
      });
    const answers = await Promise.all(
      ['//', '/%', 'http://[', '///x', '/?', '/healthz?x=1', '/readyz', '/metrics'].map(ask),
    );
    expect(answers).toEqual(['404', '404', '404', '404', '404', '200', '200', '200']);
  });
});
