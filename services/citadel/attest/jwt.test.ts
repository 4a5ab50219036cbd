import { createServer } from 'node:http';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  exportJWK,
  generateKeyPair,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../citadel-fixture.ts';
import { attestorContract } from './attestor-contract.ts';
import { createJwtAttestor, type JwtAttestorOptions, remoteKeys } from './jwt.ts';
import { kubernetesIdentity, nomadIdentity } from './jwt-claims.ts';

const issuer = 'https://kubernetes.default.svc';
const audience = 'periplus-citadel';
const peer = '10.0.0.7:51234';
const clock = new ManualClock();
const now = Math.floor(clock.nowMs() / 1000);
const { privateKey, publicKey } = await generateKeyPair('ES256');
const stranger = await generateKeyPair('ES256');
const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
const keys = createLocalJWKSet({ keys: [jwk] });
const claims = {
  iss: issuer,
  aud: [audience],
  sub: 'system:serviceaccount:shop:web',
  iat: now,
  exp: now + 600,
  'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'web', uid: '1' } },
};
const signed = async (payload: JWTPayload, key = privateKey, header = { alg: 'ES256', kid: 'k1' }) =>
  await new SignJWT(payload).setProtectedHeader(header).sign(key);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const without = (name: keyof typeof claims) =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
const options: JwtAttestorOptions = {
  issuer,
  audience,
  keys,
  trustDomain: 'cluster.local',
  identityOf: kubernetesIdentity,
  clock,
};
const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };

attestorContract('jwt', async () => {
  const refuse = async (reason: string, token: string | Promise<string>) => ({
    credentials: { peer, token: await token },
    reason,
  });
  const good = await signed(claims);
  return {
    attestor: createJwtAttestor(options),
    good: { peer, token: good },
    id,
    bad: {
      'alg none': await refuse('algorithm', `${part({ alg: 'none' })}.${part(claims)}.`),
      'alg none, signed': await refuse('algorithm', `${part({ alg: 'none' })}.${good.split('.').slice(1).join('.')}`),
      'the public key as a shared secret': await refuse(
        'algorithm',
        new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(Buffer.from(JSON.stringify(jwk))),
      ),
      'another key': await refuse('signature', signed(claims, stranger.privateKey)),
      'an unknown key': await refuse('publish', signed(claims, privateKey, { alg: 'ES256', kid: 'k2' })),
      'altered claims': await refuse('signature', good.replace(/\..*\./, `.${part({ ...claims, sub: 'x' })}.`)),
      expired: await refuse('expired', signed({ ...claims, exp: now - 10 })),
      'no exp': await refuse('"exp"', signed(without('exp'))),
      'not yet': await refuse('"nbf"', signed({ ...claims, nbf: now + 60 })),
      'no aud': await refuse('"aud"', signed(without('aud'))),
      'another aud': await refuse('"aud"', signed({ ...claims, aud: ['https://kubernetes.default.svc'] })),
      'no sub': await refuse('"sub"', signed(without('sub'))),
      'a user': await refuse('no workload', signed({ ...claims, sub: 'system:admin' })),
      'claims that disagree': await refuse(
        'agree',
        signed({ ...claims, sub: 'system:serviceaccount:kube-system:admin' }),
      ),
      'no bound claims': await refuse('agree', signed(without('kubernetes.io'))),
    },
  };
});

describe('a JWT attestor', () => {
  it('leaves tokens of every other issuer alone, however alike', async () => {
    const attestor = createJwtAttestor(options);
    for (const iss of [`${issuer}/`, `${issuer}?x`, `${issuer}#x`, issuer.toUpperCase(), ''])
      expect(await attestor.attest({ peer, token: await signed({ ...claims, iss }) })).toEqual({ outcome: 'not-mine' });
    expect(await attestor.attest({ peer, token: await signed(without('iss')) })).toEqual({ outcome: 'not-mine' });
  });

  it('is not made for an issuer with a query or fragment, or without an audience', () => {
    for (const wrong of [`${issuer}?a`, `${issuer}#a`, 'kubernetes', ''])
      expect(() => createJwtAttestor({ ...options, issuer: wrong })).toThrow('issuer');
    expect(() => createJwtAttestor({ ...options, audience: '' })).toThrow('audience');
  });

  it('takes nobody’s word for names that are no path segment', async () => {
    const identityOf = () => ({ ok: true, identity: { namespace: 'shop/sa/x', serviceAccount: 'web' } }) as const;
    const attestor = createJwtAttestor({ ...options, identityOf });
    expect(await attestor.attest({ peer, token: await signed(claims) })).toMatchObject({ outcome: 'refused' });
  });

  it('of Nomad, wants a task’s token and an allocation that runs', async () => {
    let running = true;
    const attestor = createJwtAttestor({ ...options, identityOf: nomadIdentity, isRunning: async () => running });
    const nomad = {
      ...without('kubernetes.io'),
      nomad_namespace: 'shop',
      nomad_job_id: 'web',
      nomad_task: 'server',
      nomad_allocation_id: 'a1',
    };
    const token = await signed(nomad);
    expect(await attestor.attest({ peer, token })).toMatchObject({ outcome: 'proven', id });
    running = false;
    expect(await attestor.attest({ peer, token })).toMatchObject({ outcome: 'refused' });
    const { nomad_task: _, ...ofJob } = nomad;
    expect(await attestor.attest({ peer, token: await signed(ofJob) })).toMatchObject({
      reason: expect.stringContaining('nomad_task'),
    });
  });

  it('lets nobody in while the issuer’s keys can not be fetched', async () => {
    const server = createServer((_, response) => response.writeHead(500).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const url = `http://127.0.0.1:${port}/jwks`;
    for (const down of [createRemoteJWKSet(new URL(url)), remoteKeys(url), remoteKeys('http://127.0.0.1:1/jwks')]) {
      const attestor = createJwtAttestor({ ...options, keys: down });
      const attempt = attestor.attest({ peer, token: await signed(claims) });
      await expect(attempt).rejects.toMatchObject({ code: 'unavailable' });
    }
    server.close();
  });
});

describe('a hostile token', () => {
  const strict: JWTVerifyOptions = {
    issuer,
    audience,
    algorithms: ['ES256'],
    requiredClaims: ['exp', 'iat', 'sub'],
    currentDate: new Date(clock.nowMs()),
  };
  const { audience: _, ...anyAudience } = strict;
  const { issuer: __, ...anyIssuer } = strict;
  // Each with the one guard left out that it is refused by: there it is accepted, so it is wrong in that alone.
  const attacks: readonly [string, JWTPayload, JWTVerifyOptions][] = [
    ['expired', { ...claims, exp: now - 10 }, { ...strict, clockTolerance: 60 }],
    ['without exp', without('exp'), { ...strict, requiredClaims: ['iat', 'sub'] }],
    ['without sub', without('sub'), { ...strict, requiredClaims: ['exp', 'iat'] }],
    ['of later', { ...claims, nbf: now + 60 }, { ...strict, clockTolerance: 120 }],
    ['without aud', without('aud'), anyAudience],
    ['for another audience', { ...claims, aud: 'vault' }, anyAudience],
    ['of an issuer with a query', { ...claims, iss: `${issuer}?a` }, anyIssuer],
    ['of an issuer with a fragment', { ...claims, iss: `${issuer}#a` }, anyIssuer],
  ];

  it.each(attacks)('%s, is refused by one guard', async (_name, payload, weaker) => {
    const token = await signed(payload);
    await expect(jwtVerify(token, keys, strict)).rejects.toThrow();
    await expect(jwtVerify(token, keys, weaker)).resolves.toBeDefined();
    expect((await createJwtAttestor(options).attest({ peer, token })).outcome).not.toBe('proven');
  });

  it('without a signature, is refused though all its claims are right', async () => {
    const token = new UnsecuredJWT(claims).encode();
    expect(UnsecuredJWT.decode(token, { issuer, audience, currentDate: new Date(clock.nowMs()) }).payload).toEqual(
      claims,
    );
    expect(await createJwtAttestor(options).attest({ peer, token })).toMatchObject({ outcome: 'refused' });
  });

  it('signed by a stranger, is refused though all its claims are right', async () => {
    const token = await signed(claims, stranger.privateKey);
    await expect(jwtVerify(token, stranger.publicKey, strict)).resolves.toBeDefined();
    expect(await createJwtAttestor(options).attest({ peer, token })).toMatchObject({ outcome: 'refused' });
  });
});
