// The probe: how many answers change the verdict, and what counts as an answer.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProbeState, type ProbeTiming, unknownProbeState, withAnswer } from './probe.ts';
import { ask as askTarget } from './probe-targets.ts';

const ask = (url: string, timeoutMs: number) => askTarget({ url }, timeoutMs);

const answered = (options: ProbeTiming, ...answers: string[]): ProbeState =>
  answers.reduce((state, answer) => withAnswer(state, answer, options), unknownProbeState);

describe('withAnswer', () => {
  it('knows nothing until a success, or as many failures as the threshold says', () => {
    expect(answered({}).health).toBeUndefined();
    expect(answered({}, 'refused').health).toBeUndefined();
    expect(answered({}, 'refused', 'refused').health).toEqual({ healthy: false, reason: 'refused' });
    expect(answered({}, '').health).toEqual({ healthy: true, reason: '' });
  });

  it('forgives failures that are fewer in a row than the threshold', () => {
    expect(answered({ failureThreshold: 3 }, '', 'x', 'x', '', 'x', 'x').health).toEqual({ healthy: true, reason: '' });
  });

  it('keeps the first reason while it stays unhealthy, and asks for the success threshold before it is well again', () => {
    const ill = answered({ successThreshold: 2 }, 'first', 'second', 'third', '');
    expect(ill.health).toEqual({ healthy: false, reason: 'second' });
    expect(withAnswer(ill, '', { successThreshold: 2 }).health?.healthy).toBe(true);
  });
});

describe('ask', () => {
  const server = createServer((request, response) => {
    if (request.url === '/slow') return;
    response.writeHead(request.url === '/ill' ? 500 : 302).end();
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('takes 2xx and 3xx, and a TCP connection, for well', async () => {
    expect(await ask(`http://127.0.0.1:${port}/`, 1_000)).toBe('');
    expect(await ask(`tcp://127.0.0.1:${port}`, 1_000)).toBe('');
  });

  it('says what is wrong', async () => {
    expect(await ask(`http://127.0.0.1:${port}/ill`, 1_000)).toContain('answered 500');
    expect(await ask(`http://127.0.0.1:${port}/slow`, 50)).toContain('did not answer within 50 ms');
    expect(await ask('http://127.0.0.1:1/', 1_000)).toContain('ECONNREFUSED');
    expect(await ask('tcp://127.0.0.1:1', 1_000)).toContain('ECONNREFUSED');
  });
});
