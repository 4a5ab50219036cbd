import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ConsulClient, type ConsulLimits, consulUrl, nextIndex } from './client.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});
const { signal } = new AbortController();

async function serve(listener: RequestListener, more: object = {}, limits: Partial<ConsulLimits> = {}) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return new ConsulClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...more }, limits);
}

describe('nextIndex', () => {
  it.each([
    ['grows', '7', 5, 7],
    ['stays', '5', 5, 5],
    ['goes backwards: starts anew', '3', 5, undefined],
    ['is 0, which would not block', '0', undefined, 1],
    ['is missing', undefined, 5, undefined],
    ['is no number', 'x', 5, undefined],
  ] as const)('%s', (_, text, after, next) => {
    expect(nextIndex(text, after)).toBe(next);
  });
});

describe('ConsulClient', () => {
  it('passes token, datacenter, namespace, partition and index on', async () => {
    const seen: string[] = [];
    const access = { token: 't', datacenter: 'dc2', namespace: 'n', partition: 'p' };
    const client = await serve((request, response) => {
      seen.push(`${request.url} ${String(request.headers['x-consul-token'])}`);
      response.setHeader('x-consul-index', '9').setHeader('x-consul-results-filtered-by-acls', 'true').end('{}');
    }, access);
    expect(await client.get('/v1/catalog/services', { signal })).toEqual({ body: {}, index: 9, isFiltered: true });
    await client.get('/v1/catalog/services', { signal, after: 9, waitMs: 5 });
    expect(seen).toEqual([
      '/v1/catalog/services?dc=dc2&ns=n&partition=p t',
      '/v1/catalog/services?dc=dc2&ns=n&partition=p&index=9&wait=5ms t',
    ]);
  });

  it.each([
    [403, 'ACL not found', 'forbidden', /refuses the ACL token \(403: ACL not found\)/],
    [500, 'rpc error: No cluster leader', 'unavailable', /has no leader/],
    [503, 'busy', 'unavailable', /answered 503: busy/],
    [429, 'slow down', 'unavailable', /answered 429/],
    [400, 'bad dc', 'invalid', /refuses the request \(400: bad dc\)/],
    [200, '<html>', 'invalid', /no JSON/],
  ] as const)('says what a %i with "%s" is', async (status, text, code, message) => {
    const client = await serve((_, response) => response.writeHead(status).end(text), { token: 'secret' });
    const failure = client.get('/', { signal }).catch((error: unknown) => error);
    expect(await failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(String(await failure)).not.toContain('secret');
  });

  it('gives up what does not answer, and what never ends', async () => {
    const hanging = await serve(() => {}, {}, { answerMs: 30 });
    await expect(hanging.get('/', { signal })).rejects.toMatchObject({ code: 'unavailable', message: /no answer/ });
    const slow = await serve((_, response) => void response.write('['), {}, { answerMs: 30 });
    await expect(slow.get('/', { signal })).rejects.toMatchObject({ code: 'unavailable', message: /no answer/ });
    const large = await serve((_, response) => response.end('x'.repeat(5_000)), {}, { maxAnswerBytes: 1_000 });
    await expect(large.get('/', { signal })).rejects.toMatchObject({ code: 'exhausted' });
  });

  it('ends with the signal’s reason', async () => {
    const stop = new AbortController();
    const client = await serve(() => stop.abort(new Error('enough')));
    await expect(client.get('/', { signal: stop.signal })).rejects.toThrow('enough');
  });

  it('refuses what is no URL, without repeating what may be a password', () => {
    expect(consulUrl('127.0.0.1:8500').href).toBe('http://127.0.0.1:8500/');
    for (const text of ['ftp://x', 'http://', 'http://anna:secret@h']) {
      expect(() => consulUrl(text)).toThrow(/is no URL/);
      expect(() => consulUrl(text)).not.toThrow(/secret/);
    }
  });
});
