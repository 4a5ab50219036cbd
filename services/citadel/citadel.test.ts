import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { expect, it, vi } from 'vitest';
import { MemoryLog } from '../../events/logs/memory.ts';
import { JwtSvidRequestSchema, type JwtSvidResponse } from '../../gen/periplus/citadel/v1/jwt_svid_pb.js';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { createCitadel } from './citadel.ts';
import { jwtService } from './csr/grpc-services.ts';

const config = {
  trustDomain: 'cluster.local',
  port: 0,
  passphrase: undefined,
  pluggedIn: undefined,
  attest: {
    tokenIssuers: [],
    tokenAudience: 'periplus-citadel',
    nomad: undefined,
    consul: undefined,
    authoritiesFile: undefined,
  },
  federation: [],
  web: { port: 0, issuer: undefined, certificate: undefined },
};
const common = { facts: new MemoryLog(), host: '127.0.0.1', name: 'test', clock: systemClock, logger: silentLogger };

it('a Citadel opens its port, leaves its roots for agents, makes tokens for its own trust domain alone, and stops', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-citadel-'));
  const citadel = createCitadel({ ...common, config: { ...config, folder } });
  const stop = new AbortController();
  const running = Promise.all(citadel.services.map((service) => service.run(stop.signal)));
  const roots = await vi.waitFor(() => readFileSync(join(folder, 'root-cert.pem'), 'utf8'), { timeout: 10_000 });
  expect(roots).toContain('BEGIN CERTIFICATE');
  await vi.waitFor(() => expect(citadel.port.value).toBeGreaterThan(0), { timeout: 10_000 });
  expect(await citadel.admin.caStatus()).toMatchObject({ next: 'prepare', lagging: [] });
  const make = (spiffeId: string) => citadel.admin.createJoinToken({ spiffeId, lifeSeconds: 60 }, 'user:anna');
  expect((await make('spiffe://cluster.local/ns/shop/sa/web')).token).toMatch(/^pjt_/);
  await expect(make('spiffe://other/ns/shop/sa/web')).rejects.toThrow('trust domain');
  await expect(make('web')).rejects.toThrow('no SPIFFE ID');
  stop.abort();
  await running;
  rmSync(folder, { recursive: true });
});

/** A document of the port that serves them; the roots vouch for it. */
function documentOf(port: number, path: string, more: RequestOptions = {}) {
  return new Promise<{ readonly status: number | undefined; readonly body: Record<string, unknown> }>(
    (resolve, reject) => {
      const question = request({ host: 'localhost', port, path, agent: false, ...more }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      });
      question.on('error', reject).end();
    },
  );
}

it('gives callers tokens of their own identity, which anybody can verify by OIDC discovery', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-citadel-'));
  const facts = new MemoryLog();
  const citadel = createCitadel({ ...common, facts, config: { ...config, folder } });
  const stop = new AbortController();
  const running = Promise.all(citadel.services.map((service) => service.run(stop.signal)));
  const limit = { timeout: 10_000 };
  const port = await vi.waitFor(() => citadel.port.value ?? Promise.reject(new Error('not open')), limit);
  const webPort = await vi.waitFor(() => citadel.webPort.value ?? Promise.reject(new Error('not open')), limit);
  const ca = await vi.waitFor(() => readFileSync(join(folder, 'root-cert.pem'), 'utf8'), limit);
  const [spiffeId, audience] = ['spiffe://cluster.local/ns/shop/sa/web', ['vault']];
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(ca)));
  const fetchJwt = async (wanted: { audience: string[]; spiffeId?: string }) => {
    const metadata = new Metadata();
    const { token } = await citadel.admin.createJoinToken({ spiffeId }, 'user:anna');
    metadata.set('authorization', `Bearer ${token}`);
    const { path, requestSerialize, responseDeserialize } = jwtService.FetchJwtSvid;
    const message = create(JwtSvidRequestSchema, wanted);
    return await new Promise<JwtSvidResponse & Partial<ServiceError>>((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata, (error, response) =>
        resolve(Object(error ?? response)),
      );
    });
  };
  const answer = await fetchJwt({ audience });
  expect(answer).toMatchObject({ svids: [{ spiffeId }] });
  const token = answer.svids[0]?.svid ?? '';
  const discovery = await documentOf(webPort, '/.well-known/openid-configuration', { ca });
  const keysUrl = new URL(String(discovery.body.jwks_uri));
  const keys = await documentOf(Number(keysUrl.port), keysUrl.pathname, { ca });
  const check = { issuer: `https://localhost:${webPort}`, audience: 'vault', algorithms: ['ES256'] };
  const verified = await jwtVerify(token, createLocalJWKSet(keys.body as unknown as JSONWebKeySet), check);
  expect([verified.payload.sub, discovery.body.issuer]).toEqual([spiffeId, check.issuer]);
  expect((await documentOf(webPort, '/bundle', { ca })).body).toMatchObject({ spiffe_sequence: 2 });
  const minted = await citadel.admin.mintJwtSvid({ spiffeId, audience, lifeSeconds: 60 }, 'user:anna');
  await jwtVerify(minted.token, createLocalJWKSet(keys.body as unknown as JSONWebKeySet), check);

  expect(await fetchJwt({ audience: [] })).toMatchObject({ code: status.INVALID_ARGUMENT });
  const other = await fetchJwt({ audience, spiffeId: 'spiffe://cluster.local/ns/shop/sa/admin' });
  expect(other).toMatchObject({ code: status.PERMISSION_DENIED, details: expect.stringContaining('own identity') });
  await expect(documentOf(webPort, '/keys')).rejects.toThrow('certificate');
  expect((await documentOf(webPort, '/../keys', { ca })).status).toBe(404);
  expect((await documentOf(webPort, '/keys', { ca, method: 'POST' })).status).toBe(405);

  let text = '';
  for await (const event of facts.read()) text += JSON.stringify(event);
  for (const secret of [token, minted.token]) expect(text).not.toContain(secret.split('.')[2]);
  expect(text).toContain(`"tokenId":"${verified.payload.jti}"`);
  client.close();
  stop.abort();
  await running;
  rmSync(folder, { recursive: true });
});

it('is not made with a trust domain or an issuer that can not be', () => {
  const make = (more: object) => () => createCitadel({ ...common, config: { ...config, folder: '/nowhere', ...more } });
  expect(make({ trustDomain: 'a/b' })).toThrow('trust domain');
  const issuer = { platform: 'nomad', issuer: 'https://nomad?x', jwksUrl: 'https://nomad/jwks', audience: 'a' };
  expect(make({ attest: { ...config.attest, tokenIssuers: [issuer] } })).toThrow('issuer');
  for (const authoritiesFile of ['/nowhere/ca.pem', import.meta.filename])
    expect(make({ attest: { ...config.attest, authoritiesFile } })).toThrow(authoritiesFile);
});
