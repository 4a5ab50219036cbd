import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../lib/logger.ts';
import { startAdmin } from './admin-fixture.ts';
import { createAdminApp } from './app.ts';

const calls: unknown[] = [];
const identity = {
  caStatus: async () => ({ trustDomain: 'cluster.local' }),
  rotate: async (actor: string) => ({ ok: true, step: 'prepare', actor }),
  createJoinToken: async (...given: unknown[]) => {
    calls.push(given);
    return { token: 'pjt_x', expiresAt: '2026-11-22T16:00:00.000Z' };
  },
  mintJwtSvid: async (...given: unknown[]) => {
    calls.push(given);
    return { token: 'a.b.c', expiresAt: '2026-11-22T16:00:00.000Z' };
  },
};

describe('the admin routes of identity', () => {
  it('manage the Citadel of this process', async () => {
    const admin = await startAdmin();
    const app = await createAdminApp({ ...admin.context, identity });
    const headers = { host: 'localhost' };
    expect((await app.inject({ url: '/api/v1/ca', headers })).json()).toEqual({ trustDomain: 'cluster.local' });
    const rotate = { method: 'POST', url: '/api/v1/ca/rotate', headers, payload: { actor: 'user:anna' } } as const;
    expect((await app.inject(rotate)).json()).toMatchObject({ step: 'prepare', actor: 'user:anna' });
    const payload = { spiffeId: 'spiffe://cluster.local/ns/a/sa/b', lifeSeconds: 60, actor: 'user:anna' };
    const made = await app.inject({ method: 'POST', url: '/api/v1/join-tokens', headers, payload });
    expect(made.json()).toMatchObject({ token: 'pjt_x' });
    expect(calls).toEqual([[{ spiffeId: payload.spiffeId, lifeSeconds: 60 }, 'user:anna']]);
    const url = '/api/v1/jwt-svids';
    expect((await app.inject({ method: 'POST', url, headers, payload })).statusCode).toBe(400);
    const jwt = await app.inject({ method: 'POST', url, headers, payload: { ...payload, audience: ['vault'] } });
    expect(jwt.json()).toMatchObject({ token: 'a.b.c' });
    expect(calls.at(-1)).toEqual([{ spiffeId: payload.spiffeId, audience: ['vault'], lifeSeconds: 60 }, 'user:anna']);
    await admin.stop();
  });

  it('are closed to other machines that do not prove who they are', async () => {
    const admin = await startAdmin();
    const context = { ...admin.context, identity, logger: silentLogger };
    const app = await createAdminApp(context);
    calls.length = 0;
    const body = { spiffeId: 'spiffe://cluster.local/ns/a/sa/b' };
    for (const remoteAddress of ['10.0.0.7', '::ffff:10.0.0.7', 'fe80::1']) {
      const headers = { 'x-forwarded-for': '127.0.0.1', host: 'localhost' };
      const request = { method: 'POST', url: '/api/v1/join-tokens', payload: body, remoteAddress, headers } as const;
      expect((await app.inject(request)).statusCode).toBe(401);
      expect((await app.inject({ url: '/api/v1/ca', remoteAddress, headers })).statusCode).toBe(401);
    }
    expect(calls).toEqual([]);
    await admin.stop();
  });

  it('say so where there is no Citadel', async () => {
    const admin = await startAdmin();
    const answer = await admin.app.inject({ url: '/api/v1/ca', headers: { host: 'localhost' } });
    expect([answer.statusCode, JSON.stringify(answer.json())]).toEqual([404, expect.stringContaining('role citadel')]);
    await admin.stop();
  });
});
