// Attestors that ask a platform, against stand-ins that answer as the platforms' documentation says; the real Consul and Kubernetes
// are in test/citadel-attestors.test.ts.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { ManualClock, testCa } from '../citadel-fixture.ts';
import { generateKeyPair as newKeyPair } from '../x509/keys.ts';
import { askPlatform } from './ask-platform.ts';
import type { Attestor } from './attestor.ts';
import { attestorContract } from './attestor-contract.ts';
import { configuredAttestors } from './configured.ts';
import { createConsulTokenAttestor } from './consul-token.ts';
import { createForeignX509Attestor } from './x509-foreign.ts';

const peer = '10.0.0.7:51234';
const trustDomain = 'cluster.local';
const id = { trustDomain, namespace: 'shop', serviceAccount: 'web' };
const uuidOf = (digit: string) =>
  `${digit.repeat(8)}-${digit.repeat(4)}-${digit.repeat(4)}-${digit.repeat(4)}-${digit.repeat(12)}`;

/** An HTTP API whose answers a test sets. */
class StandIn {
  answer: (request: IncomingMessage) => readonly [status: number, body: unknown] = () => [404, {}];
  readonly #server: Server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const [status, body] = this.answer(request);
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {});
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
  }
}

const api = new StandIn();
let server = '';
beforeAll(async () => {
  server = await api.start();
});
afterAll(() => api.stop());

describe('askPlatform', () => {
  it('follows no redirect, takes no endless answer, and says what was wrong without secrets', async () => {
    api.answer = () => [302, {}];
    expect((await askPlatform({ server }, { path: '/' })).status).toBe(302);
    api.answer = () => [200, 'x'.repeat(2 * 1024 * 1024)];
    const headers = { authorization: 'Bearer secret' };
    const failure = await askPlatform({ server }, { path: '/secret', headers }).catch(String);
    expect(failure).toContain('more than');
    expect(failure).not.toContain('secret');
    await expect(askPlatform({ server: 'http://127.0.0.1:1' }, { path: '/' })).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

const consulTokens: Readonly<Record<string, object>> = {
  [uuidOf('1')]: { AccessorID: 'a', ServiceIdentities: [{ ServiceName: 'web' }], Namespace: 'shop', AuthMethod: 'jwt' },
  [uuidOf('2')]: { AccessorID: 'b', ServiceIdentities: [{ ServiceName: 'web' }, { ServiceName: 'db' }] },
  [uuidOf('3')]: { AccessorID: 'c', Policies: [{ Name: 'global-management' }] },
  [uuidOf('4')]: { AccessorID: 'd', ServiceIdentities: [{ ServiceName: 'web' }], Policies: [{ Name: 'more' }] },
  [uuidOf('5')]: { AccessorID: 'e', ServiceIdentities: [{ ServiceName: 'a/sa/b' }] },
};
const consulAnswers = ({ url, headers }: IncomingMessage): readonly [number, unknown] => {
  const token = consulTokens[String(headers['x-consul-token'])];
  return url === '/v1/acl/token/self' && token ? [200, token] : [403, 'ACL not found'];
};

attestorContract('consul-token', async () => {
  api.answer = consulAnswers;
  const refuse = (digit: string, reason: string) => ({ credentials: { peer, token: uuidOf(digit) }, reason });
  return {
    attestor: createConsulTokenAttestor({ access: { server }, trustDomain }),
    good: { peer, token: uuidOf('1') },
    id,
    bad: {
      'of two services': refuse('2', 'exactly one'),
      'of an operator': refuse('3', 'exactly one'),
      'with more rights': refuse('4', 'exactly one'),
      'an impossible name': refuse('5', 'SPIFFE'),
      unknown: refuse('9', 'not accept'),
    },
  };
});

const keyPair = await generateKeyPair('ES256');
const jwk = { ...(await exportJWK(keyPair.publicKey)), kid: 'n1', alg: 'ES256', use: 'sig' };
const clock = new ManualClock();
const now = Math.floor(clock.nowMs() / 1000);
const allocation = (digit: string, more: object = {}) => ({
  ID: uuidOf(digit),
  Namespace: 'shop',
  JobID: 'web',
  DesiredStatus: 'run',
  ClientStatus: 'running',
  TaskStates: { server: { State: 'running' } },
  ...more,
});
const allocations = [
  allocation('a'),
  allocation('b', { ClientStatus: 'complete' }),
  allocation('c', { DesiredStatus: 'stop' }),
  allocation('d', { JobID: 'other' }),
  allocation('e', { TaskStates: { server: { State: 'dead' } } }),
];
/** Nomad, as its HTTP API's documentation has it. */
const nomadAnswers = ({ url = '', headers }: IncomingMessage): readonly [number, unknown] => {
  if (url === '/.well-known/jwks.json') return [200, { keys: [jwk] }];
  if (headers['x-nomad-token'] !== 'own') return [403, 'Permission denied'];
  const found = allocations.find(({ ID }) => url === `/v1/allocation/${ID}?namespace=shop`);
  return found ? [200, found] : [404, 'alloc not found'];
};
const nomadToken = async (digit: string, more: Readonly<Record<string, unknown>> = {}) =>
  await new SignJWT({
    aud: 'periplus-citadel',
    sub: 'global:shop:web:group:server:citadel',
    nomad_namespace: 'shop',
    nomad_job_id: 'web',
    nomad_task: 'server',
    nomad_allocation_id: uuidOf(digit),
    iat: now,
    exp: now + 600,
    ...more,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'n1' })
    .sign(keyPair.privateKey);
function nomadAttestor(issuer?: string): Attestor {
  const nomad = { url: `${server}/`, issuer, token: 'own', caFile: undefined };
  const config = { tokenIssuers: [], tokenAudience: 'periplus-citadel', nomad, consul: undefined };
  const means = { trustDomain, clock, facts: new MemoryLog(), source: '/citadel/test' };
  const { attestors } = configuredAttestors({ ...config, authoritiesFile: undefined }, means);
  const found = attestors.find(({ kind }) => kind === 'jwt');
  if (!found) throw new Error('no attestor of Nomad');
  return found;
}

attestorContract('jwt', async () => {
  api.answer = nomadAnswers;
  const refuse = async (reason: string, digit: string, more: Readonly<Record<string, unknown>> = {}) => ({
    credentials: { peer, token: await nomadToken(digit, more) },
    reason,
  });
  return {
    attestor: nomadAttestor(),
    good: { peer, token: await nomadToken('a') },
    id,
    bad: {
      'an allocation that has ended': await refuse('not run', 'b'),
      'an allocation that is to stop': await refuse('not run', 'c'),
      'an allocation of another job': await refuse('not run', 'd'),
      'a task that has ended': await refuse('not run', 'e'),
      'an allocation that is gone': await refuse('not run', 'f'),
      'another audience': await refuse('"aud"', 'a', { aud: 'vault' }),
      'no audience': await refuse('"aud"', 'a', { aud: undefined }),
      'no end': await refuse('"exp"', 'a', { exp: undefined }),
      expired: await refuse('expired', 'a', { exp: now - 60 }),
      'of no task': await refuse('nomad_task', 'a', { nomad_task: undefined }),
      'an allocation id that is a path': await refuse('not run', 'a', { nomad_allocation_id: '../jobs' }),
    },
  };
});

describe('Nomad’s attestor', () => {
  it('tells tokens of an issuer from tokens without one', async () => {
    api.answer = nomadAnswers;
    const issuer = 'https://nomad.example';
    const [bare, issued] = [await nomadToken('a'), await nomadToken('a', { iss: issuer })];
    expect(await nomadAttestor().attest({ peer, token: issued })).toEqual({ outcome: 'not-mine' });
    expect(await nomadAttestor(issuer).attest({ peer, token: bare })).toEqual({ outcome: 'not-mine' });
    expect(await nomadAttestor(issuer).attest({ peer, token: issued })).toMatchObject({ outcome: 'proven', id });
  });

  it('lets nobody in while Nomad does not answer', async () => {
    const attestor = nomadAttestor();
    api.answer = () => [500, {}];
    const token = await nomadToken('a');
    await expect(attestor.attest({ peer, token })).rejects.toMatchObject({ code: 'unavailable' });
    api.answer = (request) => (request.url?.startsWith('/v1') ? [403, 'Permission denied'] : nomadAnswers(request));
    const failure = await attestor.attest({ peer, token }).catch(String);
    expect(failure).toContain('Nomad answered 403');
    expect(failure).not.toContain(token);
  });
});

describe('Consul’s attestor', () => {
  it('lets nobody in while Consul does not answer, or has its ACLs off', async () => {
    const attestor = createConsulTokenAttestor({ access: { server }, trustDomain });
    for (const status of [500, 401, 302]) {
      api.answer = () => [status, {}];
      const failure = await attestor.attest({ peer, token: uuidOf('1') }).catch((error) => error);
      expect(failure).toMatchObject({ code: 'unavailable' });
      expect(String(failure)).not.toContain(uuidOf('1'));
    }
  });
});

const derOf = (pem: string) => Buffer.from(pem.replace(/-----.*?-----/g, ''), 'base64');

attestorContract('x509-foreign', async () => {
  const [owners, strangers] = [testCa(), testCa()];
  const { publicKey } = await newKeyPair('ecdsa-p256');
  const issue = async (from: typeof owners, of = id, lifeMs = 3_600_000) =>
    derOf((await from.ca.sign({ id: of, publicKey, lifeMs })).certificate);
  const [short, good] = [await issue(owners, id, 1_000), await issue(owners)];
  const foreign = await issue(owners, { ...id, trustDomain: 'other' });
  await owners.clock.advance(1_000);
  const authorities = [...(owners.ca.bundle.value?.roots ?? [])];
  const attestor = createForeignX509Attestor({ trustDomain, clock: owners.clock, authorities });
  const ofStranger = { peer, peerCertificate: await issue(strangers) };
  expect(await attestor.attest(ofStranger)).toEqual({ outcome: 'not-mine' });
  return {
    attestor,
    good: { peer, peerCertificate: good },
    id,
    bad: {
      expired: { credentials: { peer, peerCertificate: short }, reason: 'not valid' },
      'of another trust domain': { credentials: { peer, peerCertificate: foreign }, reason: 'another trust domain' },
      'a CA': { credentials: { peer, peerCertificate: derOf(authorities[0] ?? '') }, reason: 'CA' },
    },
  };
});
