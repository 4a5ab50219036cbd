import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { testCa } from '../citadel-fixture.ts';
import { bundleDocument, keySetDocument } from '../web/documents.ts';
import { JwtAuthority, settleMs } from './jwt-authority.ts';

const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const issuer = 'https://citadel.example';

function make() {
  const parts = testCa();
  const options = { ...parts.options, opened: async () => await parts.ca.open(), issuer: () => issuer };
  const jwt = new JwtAuthority(options);
  const verified = async (token: string, audience = 'vault') => {
    const keys = createLocalJWKSet(keySetDocument(jwt.believed.value ?? []) as JSONWebKeySet);
    const check = { issuer, audience, algorithms: ['ES256'], currentDate: new Date(parts.clock.nowMs()) };
    return (await jwtVerify(token, keys, check)).payload;
  };
  /** Lets the authority see what the CA has done since. */
  const follow = async () => {
    const stop = new AbortController();
    const known = jwt.keysPublished;
    const running = jwt.run(stop.signal);
    for (let tries = 0; tries < 200 && jwt.keysPublished === known; tries++)
      await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await running;
  };
  return { ...parts, jwt, options, verified, follow };
}

describe('a JWT authority', () => {
  it('signs for one identity and audience, for five minutes, by a key that it publishes', async () => {
    const { jwt, verified, clock } = make();
    const { token, expiresAt, keyId } = await jwt.sign({ id, audience: ['vault'] });
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: keyId, typ: 'JWT' });
    const claims = await verified(token);
    expect(claims).toMatchObject({ sub: 'spiffe://cluster.local/ns/shop/sa/web', aud: ['vault'], iss: issuer });
    expect((claims.exp ?? 0) * 1000 - clock.nowMs()).toBe(300_000);
    expect(expiresAt).toBe('2026-11-22T15:05:00.000Z');
    await expect(verified(token, 'bank')).rejects.toThrow('aud');
    await clock.advance(301_000);
    await expect(verified(token)).rejects.toThrow('exp');
  });

  it('makes none without an audience or for long', async () => {
    const { jwt } = make();
    for (const audience of [[], [''], ['a b'], ['x'.repeat(300)], Array.from({ length: 30 }, String)])
      await expect(jwt.sign({ id, audience })).rejects.toMatchObject({ code: 'invalid' });
    for (const lifeMs of [0, -1, 3_600_001, Number.NaN])
      await expect(jwt.sign({ id, audience: ['a'], lifeMs })).rejects.toThrow('1 hour');
  });

  it('has the same key after a restart, and a second Citadel makes no other', async () => {
    const { jwt, options } = make();
    const { keyId } = await jwt.sign({ id, audience: ['a'] });
    const [again, beside] = [new JwtAuthority(options), new JwtAuthority({ ...options, name: 'other' })];
    // One that is being opened has its key for whoever asks meanwhile.
    void again.open();
    const signed = await Promise.all([again, beside].map((one) => one.sign({ id, audience: ['a'] })));
    expect(signed.map((one) => one.keyId)).toEqual([keyId, keyId]);
  });

  it('changes keys with the CA: publishes first, signs when verifiers had time, destroys with the CA', async () => {
    const { jwt, ca, verified, follow, clock, keys } = make();
    const old = await jwt.sign({ id, audience: ['vault'] });
    await ca.advance('user:anna'); // prepare
    await follow();
    expect(jwt.believed.value).toHaveLength(2);
    for (const step of ['publish', 'activate']) expect(await ca.advance('user:anna')).toMatchObject({ ok: true, step });
    await follow();
    expect((await jwt.sign({ id, audience: ['vault'] })).keyId).toBe(old.keyId);
    await verified(old.token);
    await clock.advance(settleMs);
    const next = await jwt.sign({ id, audience: ['vault'] });
    expect(next.keyId).not.toBe(old.keyId);
    await verified(next.token);
    for (const step of ['taint', 'revoke']) expect(await ca.advance('user:anna')).toMatchObject({ ok: true, step });
    await follow();
    expect(jwt.believed.value?.map(({ keyId }) => keyId)).toEqual([next.keyId]);
    expect(keys.keys.has(old.keyId)).toBe(false);
    await expect(verified(old.token)).rejects.toThrow();
  });

  it('never signs with the key of a tainted CA', async () => {
    const { jwt, ca, follow } = make();
    const old = await jwt.sign({ id, audience: ['vault'] });
    for (let step = 0; step < 4; step++) await ca.advance('user:anna');
    await follow();
    expect((await jwt.sign({ id, audience: ['vault'] })).keyId).not.toBe(old.keyId);
  });

  it('puts neither its key nor a token into the log', async () => {
    const { jwt, facts } = make();
    const { token } = await jwt.sign({ id, audience: ['vault'] });
    let text = '';
    for await (const event of facts.read()) text += JSON.stringify(event);
    expect(text).toContain('jwt-key-published');
    expect(text).not.toMatch(/"d":|PRIVATE/);
    expect(text).not.toContain(token.split('.')[2]);
  });
});

describe('the bundle document', () => {
  it('has the roots, the keys for tokens and a number that grows with each change', async () => {
    const { jwt, ca, follow } = make();
    await jwt.open();
    const document = () => {
      const bundle = ca.bundle.value;
      if (!bundle) throw new Error('no bundle');
      const { believed, keysPublished } = jwt;
      return bundleDocument({ bundle, jwtKeys: believed.value ?? [], keysPublished }) as {
        readonly keys: readonly { readonly use: string; readonly kid?: string; readonly x5c?: readonly string[] }[];
        readonly spiffe_sequence: number;
      };
    };
    const first = document();
    expect(first).toMatchObject({ spiffe_sequence: 2, spiffe_refresh_hint: 300 });
    expect(first.keys.map(({ use }) => use)).toEqual(['x509-svid', 'jwt-svid']);
    expect(first.keys[0]).toMatchObject({ kty: 'EC', crv: 'P-256', x5c: [expect.stringMatching(/^MII/)] });
    expect(JSON.stringify(first)).not.toContain('"d":');
    await ca.advance('user:anna');
    await follow();
    expect(document().spiffe_sequence).toBe(3);
    await ca.advance('user:anna');
    expect(document().spiffe_sequence).toBe(4);
    expect(document().keys).toHaveLength(4);
  });
});
