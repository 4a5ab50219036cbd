import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../lib/clock.ts';
import { type AdminFixture, startAdmin } from '../admin-fixture.ts';
import { createAdminApp } from '../app.ts';
import { TokenStore } from './token-store.ts';

const away = '10.0.0.7';
const manifest = (name: string) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name, namespace: 'default' },
  spec: { hosts: [`${name}.mesh`], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], resolution: 'NONE' },
});

describe('who may use the admin API', () => {
  let folder: string;
  let admin: AdminFixture;
  let app: FastifyInstance;
  let store: TokenStore;
  let tokens: Readonly<Record<'read' | 'write', string>>;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'periplus-guard-'));
    admin = await startAdmin();
    store = new TokenStore({ folder, clock: systemClock });
    const make = async (role: 'read' | 'write') =>
      (await store.create({ name: `a-${role}`, role, createdBy: 'user:a' })).token;
    tokens = { read: await make('read'), write: await make('write') };
    const access = { tokens: store, clients: [], hostAddresses: ['10.9.9.1'] };
    app = await createAdminApp({ ...admin.context, access });
    await app.ready();
  });
  afterEach(async () => {
    await app.close();
    await admin.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const get = async (url: string, remoteAddress: string, headers: Record<string, string> = {}) =>
    await app.inject({ url, remoteAddress, headers: { host: 'pilot.example', ...headers } });
  const apply = async (
    name: string,
    remoteAddress: string,
    options: { headers?: Record<string, string>; actor?: string } = {},
  ) =>
    await app.inject({
      method: 'POST',
      url: '/api/v1/apply',
      remoteAddress,
      headers: { host: 'pilot.example', ...options.headers },
      payload: { resources: [manifest(name)], ...(options.actor && { actor: options.actor }) },
    });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const actors = async () => {
    const found: string[] = [];
    for await (const event of admin.logs.facts.read({})) found.push(event.actor);
    return found;
  };

  it('answers nobody from elsewhere, whatever is asked, except for health, metrics and its own description', async () => {
    // Every route there is: a new one can't be forgotten.
    const routes = (app.swagger() as { paths: Record<string, Record<string, unknown>> }).paths;
    const asked = Object.entries(routes).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase() as 'GET', path.replace(/\{\w+\}/g, 'x')] as const),
    );
    expect(asked.length).toBeGreaterThan(20);
    for (const [method, url] of [...asked, ['GET', '/'], ['GET', '/nothing'], ['GET', '//api/v1/config']] as const) {
      const { statusCode } = await app.inject({ method, url, remoteAddress: away, headers: { host: 'localhost' } });
      if (['/healthz', '/readyz', '/metrics'].includes(url)) expect([200, 503], url).toContain(statusCode);
      else expect(statusCode, `${method} ${url}`).toBe(401);
    }
  });

  it('says what is missing', async () => {
    const answer = await get('/api/v1/config', away);
    expect(answer.json()).toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('periplus admin token create'),
    });
    expect(answer.headers['www-authenticate']).toContain('Bearer');
    expect((await get('/api/v1/config', away, { authorization: 'Basic YTpi' })).json().message).toContain(
      'Bearer TOKEN',
    );
  });

  it('is not deceived by headers about where a request comes from', async () => {
    const claims = {
      'x-forwarded-for': '127.0.0.1',
      forwarded: 'for=127.0.0.1',
      'x-real-ip': '127.0.0.1',
      host: '127.0.0.1',
    };
    for (const address of [away, '::ffff:10.0.0.7', 'fe80::1', '128.0.0.1', '::127.0.0.1'])
      expect((await get('/api/v1/config', address, claims)).statusCode, address).toBe(401);
  });

  it('lets read see and not change', async () => {
    expect((await get('/api/v1/config', away, bearer(tokens.read))).statusCode).toBe(200);
    const refused = await apply('x', away, { headers: bearer(tokens.read) });
    expect(refused.json()).toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('token:a-read has the role read'),
    });
    const more = { method: 'POST', url: '/api/v1/tokens', remoteAddress: away, headers: bearer(tokens.read) } as const;
    expect((await app.inject({ ...more, payload: { name: 'b', role: 'write' } })).statusCode).toBe(403);
    expect(await actors()).toEqual([]);
  });

  it('names the token in events, whatever the client says', async () => {
    expect((await apply('x', away, { headers: bearer(tokens.write), actor: 'user:mallory' })).statusCode).toBe(200);
    // Also on this machine: who shows a token is who it says.
    const here = { ...bearer(tokens.write), host: 'localhost' };
    expect((await apply('y', '127.0.0.1', { headers: here, actor: 'user:mallory' })).statusCode).toBe(200);
    expect(await actors()).toEqual(['token:a-write', 'token:a-write']);
  });

  it('needs no token on this machine, whose users can not claim a name that is proven', async () => {
    const headers = { host: '127.0.0.1:15015' };
    expect((await apply('x', '127.0.0.1', { headers, actor: 'user:anna' })).statusCode).toBe(200);
    expect((await apply('y', '::1', { headers })).statusCode).toBe(200);
    expect((await apply('z', '10.9.9.1', { headers })).statusCode).toBe(200);
    for (const actor of ['token:a-write', 'spiffe://cluster.local/ns/a/sa/b', 'certificate:CN=a', 'system:pilot'])
      expect((await apply('w', '127.0.0.1', { headers, actor })).statusCode, actor).toBe(400);
    expect(await actors()).toEqual(['user:anna', 'user:unknown', 'user:unknown']);
  });

  it('is closed to web pages in this machine’s browsers', async () => {
    for (const url of ['/api/v1/config', '/healthz', '/openapi.json'])
      expect((await get(url, '127.0.0.1', { host: 'evil.example' })).statusCode, url).toBe(403);
    const forged = { host: 'localhost:15015', origin: 'https://evil.example' };
    expect((await apply('x', '127.0.0.1', { headers: forged })).statusCode).toBe(403);
    expect(
      (await apply('x', '127.0.0.1', { headers: { ...forged, origin: 'http://localhost:15015' } })).statusCode,
    ).toBe(200);
  });

  it('refuses a wrong token even on this machine, and a revoked one at once', async () => {
    const here = { host: 'localhost' };
    expect(
      (await get('/api/v1/config', '127.0.0.1', { ...here, ...bearer('periplus-admin.a-read.x') })).statusCode,
    ).toBe(401);
    const revoke = { method: 'DELETE', url: '/api/v1/tokens/a-read', remoteAddress: away } as const;
    expect((await app.inject({ ...revoke, headers: bearer(tokens.write) })).statusCode).toBe(200);
    expect((await get('/api/v1/config', away, bearer(tokens.read))).statusCode).toBe(401);
  });

  it('makes tokens that work, and shows no secret afterwards', async () => {
    const payload = { name: 'fresh', role: 'read', lifeSeconds: 60 };
    const made = await app.inject({
      method: 'POST',
      url: '/api/v1/tokens',
      remoteAddress: away,
      headers: bearer(tokens.write),
      payload,
    });
    const { token, record } = made.json();
    expect(record).toMatchObject({ name: 'fresh', role: 'read', createdBy: 'token:a-write' });
    const listed = await get('/api/v1/tokens', away, bearer(token));
    expect(listed.json().items.map((item: { name: string }) => item.name)).toEqual(['a-read', 'a-write', 'fresh']);
    expect(listed.body).not.toMatch(/hash|periplus-admin\./);
  });
});
