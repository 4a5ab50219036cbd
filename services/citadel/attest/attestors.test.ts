import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { ManualClock, testCa } from '../citadel-fixture.ts';
import { generateKeyPair } from '../x509/keys.ts';
import { attestCaller } from './attestor.ts';
import { attestorContract } from './attestor-contract.ts';
import { createJoinToken, createJoinTokenAttestor } from './join-token.ts';
import { createTokenReviewAttestor } from './token-review.ts';
import { createX509Attestor } from './x509-pop.ts';

const peer = '10.0.0.7:51234';
const trustDomain = 'cluster.local';
const id = { trustDomain, namespace: 'shop', serviceAccount: 'web' };
const derOf = (pem: string) => Buffer.from(pem.replace(/-----.*?-----/g, ''), 'base64');

const tokens = () => ({ facts: new MemoryLog(), clock: new ManualClock(), source: '/citadel/test', trustDomain });

attestorContract('join-token', async () => {
  const means = tokens();
  const make = async (more = {}) => (await createJoinToken(means, { id, actor: 'user:anna', ...more })).token;
  const attestor = createJoinTokenAttestor(means);
  const [used, expired, foreign] = [
    await make(),
    await make({ lifeMs: 1 }),
    await make({ id: { ...id, trustDomain: 'other' } }),
  ];
  await attestor.attest({ peer, token: used });
  await means.clock.advance(1);
  return {
    attestor,
    good: { peer, token: await make() },
    id,
    bad: {
      replayed: { credentials: { peer, token: used }, reason: 'used before' },
      expired: { credentials: { peer, token: expired }, reason: 'expired' },
      'of another trust domain': { credentials: { peer, token: foreign }, reason: 'another trust domain' },
      guessed: { credentials: { peer, token: `pjt_${'A'.repeat(43)}` }, reason: 'unknown' },
      malformed: { credentials: { peer, token: 'pjt_../x' }, reason: 'malformed' },
    },
  };
});

describe('a join token', () => {
  it('used by 100 at once, lets exactly one in', async () => {
    const means = tokens();
    const { token } = await createJoinToken(means, { id, actor: 'user:anna' });
    const [one, two] = [createJoinTokenAttestor(means), createJoinTokenAttestor(means)];
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 ? one : two).attest({ peer, token })),
    );
    expect(all.filter((attestation) => attestation.outcome === 'proven')).toHaveLength(1);
  });

  it('is good again for the key that it was used for, after a while and for a while, and for no other', async () => {
    const means = tokens();
    const [{ token }, unused] = [
      await createJoinToken(means, { id, actor: 'user:anna', lifeMs: 3_600_000 }),
      await createJoinToken(means, { id, actor: 'user:anna', lifeMs: 1_000 }),
    ];
    const [one, two] = [createJoinTokenAttestor(means), createJoinTokenAttestor(means)];
    const said = async (attestor: typeof one, keyHash?: string, of = token) => {
      const attestation = await attestor.attest({ peer, token: of, ...(keyHash && { keyHash }) });
      return attestation.outcome === 'proven' ? attestation.use : attestation.outcome;
    };
    expect([await said(one, 'a'), await said(one, 'a'), await said(two, 'b')]).toEqual(['first', 'refused', 'refused']);
    await means.clock.advance(2_000);
    expect([await said(two, 'a'), await said(one, 'b'), await said(one)]).toEqual(['again', 'refused', 'refused']);
    expect(await said(one, 'a', unused.token)).toBe('refused');
    await means.clock.advance(600_000);
    expect(await said(one, 'a')).toBe('refused');
  });

  it('is nowhere in the log', async () => {
    const means = tokens();
    const { token } = await createJoinToken(means, { id, actor: 'user:anna' });
    await createJoinTokenAttestor(means).attest({ peer, token });
    let text = '';
    for await (const event of means.facts.read()) text += JSON.stringify(event);
    expect(text).toContain('join-token-consumed');
    expect(text).not.toContain(token.slice(4));
  });

  it('is not made for longer than a week or for an impossible name', async () => {
    const means = tokens();
    const make = (more: object) => createJoinToken(means, { id, actor: 'user:anna', ...more });
    await expect(make({ lifeMs: 8 * 86_400_000 })).rejects.toThrow('7 days');
    await expect(make({ lifeMs: Number.NaN })).rejects.toThrow('7 days');
    await expect(make({ id: { ...id, namespace: 'a/b' } })).rejects.toThrow('SPIFFE');
  });
});

attestorContract('x509', async () => {
  const { ca, clock } = testCa();
  const { publicKey } = await generateKeyPair('ecdsa-p256');
  const svid = async (of = id, lifeMs = 3_600_000) => derOf((await ca.sign({ id: of, publicKey, lifeMs })).certificate);
  const [short, good, foreign] = [await svid(id, 1_000), await svid(), await svid({ ...id, trustDomain: 'other' })];
  await clock.advance(1_000);
  const root = derOf(ca.bundle.value?.roots[0] ?? '');
  return {
    attestor: createX509Attestor({ trustDomain, clock }),
    good: { peer, peerCertificate: good },
    id,
    bad: {
      expired: { credentials: { peer, peerCertificate: short }, reason: 'not valid' },
      'of another trust domain': { credentials: { peer, peerCertificate: foreign }, reason: 'another trust domain' },
      'a CA': { credentials: { peer, peerCertificate: root }, reason: 'CA' },
      'no certificate': { credentials: { peer, peerCertificate: Buffer.from('x') }, reason: 'not a certificate' },
    },
  };
});

/** Stands in for the Kubernetes API server: answers TokenReviews as its documentation says, for tokens that it knows. */
class TokenReviewStandIn {
  readonly users = new Map<string, { readonly username: string; readonly audiences: readonly string[] }>();
  status = 200;
  asked = 0;
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked++;
    let body = '';
    for await (const chunk of request) body += chunk;
    const right = request.method === 'POST' && request.url === '/apis/authentication.k8s.io/v1/tokenreviews';
    if (!right || request.headers.authorization !== 'Bearer own' || this.status !== 200) {
      response.writeHead(this.status === 200 ? 403 : this.status).end();
      return;
    }
    const { spec } = JSON.parse(body);
    const user = this.users.get(spec.token);
    const audiences = user?.audiences.filter((name) => spec.audiences.includes(name));
    const status = user ? { authenticated: true, user: { username: user.username }, audiences } : { error: 'invalid' };
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ status }));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  stop(): void {
    this.#server.close();
  }
}

describe('TokenReview', () => {
  const kubernetes = new TokenReviewStandIn();
  let apiServer = '';
  beforeAll(async () => {
    apiServer = await kubernetes.start();
    kubernetes.users.set('a.good.token', { username: 'system:serviceaccount:shop:web', audiences: ['citadel'] });
    kubernetes.users.set('a.foreign.token', { username: 'system:serviceaccount:shop:web', audiences: ['vault'] });
    kubernetes.users.set('a.user.token', { username: 'system:admin', audiences: ['citadel'] });
    kubernetes.users.set('a.odd.token', { username: 'system:serviceaccount:a/b:web', audiences: ['citadel'] });
  });
  afterAll(() => kubernetes.stop());
  const attestor = () =>
    createTokenReviewAttestor({
      access: async () => ({ server: apiServer, token: 'own' }),
      audience: 'citadel',
      trustDomain,
    });

  attestorContract('token-review', async () => {
    const refuse = (token: string, reason: string) => ({ credentials: { peer, token }, reason });
    return {
      attestor: attestor(),
      good: { peer, token: 'a.good.token' },
      id,
      bad: {
        'another audience': refuse('a.foreign.token', 'audience'),
        'a user': refuse('a.user.token', 'service account'),
        'an impossible name': refuse('a.odd.token', 'SPIFFE'),
        unknown: refuse('an.unknown.token', 'not accept'),
      },
    };
  });

  it('lets nobody in while Kubernetes does not answer, and does not quote the token', async () => {
    kubernetes.status = 500;
    const failure = await attestor()
      .attest({ peer, token: 'a.good.token' })
      .catch((error) => error);
    kubernetes.status = 200;
    expect(failure).toMatchObject({ code: 'unavailable' });
    expect(String(failure)).not.toContain('a.good.token');
  });
});

describe('attestCaller', () => {
  it('refuses callers that show nothing, something unknown, or far too much', async () => {
    const { clock } = testCa();
    const attestors = [createX509Attestor({ trustDomain, clock })];
    const reason = async (token?: string) => await attestCaller(attestors, { peer, ...(token && { token }) });
    expect(await reason()).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('neither') });
    expect(await reason('x')).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('no kind') });
    expect(await reason('x'.repeat(20_000))).toMatchObject({ reason: expect.stringContaining('long') });
  });
});
