// Fetching key sets: what comes back, and every way in which a policy's author may try to reach or exhaust the control plane.
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchJwks, isInside } from './jwks-fetch.ts';

const key = { kty: 'EC', crv: 'P-256', kid: 'k', x: 'aZrFxwaCWwzELgWHFUtiOlt9YM4IoVlTKgp4FeRmaSY', y: '1ek7' };
const inside = { allowPrivate: true };

describe('fetching a key set', () => {
  let port = 0;
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    seen.push(`${request.headers.host}${request.url}`);
    const json = (value: unknown) => response.end(JSON.stringify(value));
    switch (request.url) {
      case '/keys':
        return json({ keys: [{ ...key, d: 'a private key', oct: 'x' }] });
      case '/.well-known/openid-configuration':
        return json({ issuer: 'x', jwks_uri: `http://127.0.0.1:${port}/keys` });
      case '/points-inside':
        return json({ jwks_uri: 'http://inside.test/keys' });
      case '/redirect':
        return response.writeHead(302, { location: `http://127.0.0.1:${port}/keys` }).end();
      case '/large':
        return response.end(Buffer.alloc(300 * 1024, 32));
      case '/endless':
        return response.write('{');
      case '/empty':
        return json({ keys: [] });
      case '/text':
        return response.end('no keys here');
      default:
        return response.writeHead(404).end();
    }
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address ? address.port : 0;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const at = (path: string) => `http://127.0.0.1:${port}${path}`;

  it('takes the public members of its keys', async () => {
    expect(await fetchJwks(at('/keys'), inside)).toEqual({ jwks: JSON.stringify({ keys: [key] }) });
  });

  it('follows an OpenID configuration once', async () => {
    expect(await fetchJwks(at('/.well-known/openid-configuration'), inside)).toHaveProperty('jwks');
  });

  it('connects to the address that was checked, under the name that was asked for', async () => {
    const resolve = async () => ['127.0.0.1'];
    expect(await fetchJwks(`http://issuer.test:${port}/keys`, { ...inside, resolve })).toHaveProperty('jwks');
    expect(seen.at(-1)).toBe(`issuer.test:${port}/keys`);
  });

  it.each([
    '127.0.0.1',
    '169.254.169.254',
    '10.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    '2130706433',
    '127.1',
    '[fe80::1]',
  ])('asks nobody inside: %s', async (host) => {
    const before = seen.length;
    const result = await fetchJwks(`http://${host}:${port}/keys`);
    expect(JSON.stringify(result)).toContain('not a public address');
    expect(seen.length).toBe(before);
  });

  it('asks nobody inside by name, be it one address of several or named by an OpenID configuration', async () => {
    const before = seen.length;
    const rebinding = { resolve: async () => ['93.184.216.34', '127.0.0.1'] };
    expect(JSON.stringify(await fetchJwks(`http://issuer.test:${port}/keys`, rebinding))).toContain(
      'not a public address',
    );
    expect(seen.length).toBe(before);
    const answers = ['127.0.0.1', undefined];
    const resolve = async () => [answers.shift() ?? '10.0.0.1'];
    const open = await fetchJwks(`http://first.test:${port}/points-inside`, { resolve, allowPrivate: false });
    expect(JSON.stringify(open)).toContain('not a public address');
  });

  it.each([
    ['/redirect', 'redirects are not followed'],
    ['/large', 'more than 262144 bytes'],
    ['/empty', 'empty'],
    ['/text', 'not JSON'],
    ['/none', '404'],
  ])('reports what is wrong with %s', async (path, problem) => {
    expect(JSON.stringify(await fetchJwks(at(path), inside))).toContain(problem);
  });

  it('gives up on what takes too long', async () => {
    expect(await fetchJwks(at('/endless'), { ...inside, timeoutMs: 50 })).toEqual({ problem: 'took too long' });
  });

  it.each(['file:///etc/passwd', 'http://user:password@issuer.test/', 'nonsense'])('refuses %s', async (uri) => {
    expect(await fetchJwks(uri, inside)).toHaveProperty('problem');
  });

  it('knows public addresses', () => {
    expect(['8.8.8.8', '2606:4700::1111'].map(isInside)).toEqual([false, false]);
  });
});
