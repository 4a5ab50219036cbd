import { randomBytes, X509Certificate } from 'node:crypto';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { IstioCertificateRequestSchema, type IstioCertificateResponse } from '../../../gen/istio/v1/auth/ca_pb.js';
import { silentLogger } from '../../../lib/logger.ts';
import { createJoinToken, createJoinTokenAttestor } from '../attest/join-token.ts';
import { createX509Attestor } from '../attest/x509-pop.ts';
import { ManualClock, testCa } from '../citadel-fixture.ts';
import { createCsr } from '../x509/csr.ts';
import { generateKeyPair } from '../x509/keys.ts';
import { CsrServer } from './csr-server.ts';
import { certificateService } from './grpc-services.ts';

const trustDomain = 'cluster.local';
const id = { trustDomain, namespace: 'shop', serviceAccount: 'web' };
const uri = 'spiffe://cluster.local/ns/shop/sa/web';
// TLS goes by the machine's clock: ours starts late enough and never gets ahead of it.
const { ca, facts, clock } = testCa({ clock: new ManualClock(Date.now() - 40 * 60_000) });
const means = { facts, clock, source: '/citadel/test', trustDomain };
const attestors = [createJoinTokenAttestor(means), createX509Attestor({ trustDomain, clock })];
const limits = { rate: { perSecond: 1, burst: 200 } };
const common = {
  ca,
  trustDomain,
  attestors,
  facts,
  host: '127.0.0.1',
  port: 0,
  name: 'test',
  clock,
  logger: silentLogger,
};
const server = new CsrServer({ ...common, limits });
const stop = new AbortController();
let running: Promise<void>;
let port = 0;

/** A key with what the server gave for it. */
interface Own {
  readonly privateKey: string;
  readonly chain: readonly string[];
}

beforeAll(async () => {
  running = server.run(stop.signal);
  for await (const open of server.port.watch(stop.signal)) {
    port = open;
    break;
  }
});
afterAll(async () => {
  shared?.close();
  stop.abort();
  await running;
});

const token = async () => (await createJoinToken(means, { id, actor: 'user:anna' })).token;

interface Ask {
  readonly csr?: string;
  readonly token?: string;
  readonly own?: Own;
  readonly authorization?: readonly string[];
  readonly seconds?: bigint;
}
let shared: Client | undefined;
/** One call; the error instead of the response when it was refused. */
async function ask(options: Ask): Promise<IstioCertificateResponse & Partial<ServiceError>> {
  const keys = await generateKeyPair('ecdsa-p256');
  const csr = options.csr ?? (await createCsr(keys));
  const root = Buffer.from(ca.bundle.value?.roots.join('') ?? '');
  const { own } = options;
  const key = own ? Buffer.from(own.privateKey) : null;
  const chain = own ? Buffer.from(own.chain.join('')) : null;
  const client = (!own && shared) || new Client(`localhost:${port}`, credentials.createSsl(root, key, chain));
  if (!own) shared = client;
  const metadata = new Metadata();
  for (const value of options.authorization ?? (options.token ? [`Bearer ${options.token}`] : []))
    metadata.add('authorization', value);
  const { path, requestSerialize, responseDeserialize } = certificateService.CreateCertificate;
  const message = create(IstioCertificateRequestSchema, { csr, validityDuration: options.seconds ?? 0n });
  return await new Promise((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata, (error, response) => {
      if (own) client.close();
      resolve(Object(error ?? response));
    });
  });
}

async function join(): Promise<Own> {
  const { pkcs8, ...keys } = await generateKeyPair('ecdsa-p256');
  const { certChain } = await ask({ csr: await createCsr(keys), token: await token() });
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  return { privateKey, chain: certChain.slice(0, -1) };
}

async function events(type: string) {
  const found = [];
  for await (const event of facts.read({ types: [`io.periplus.identity.${type}`] })) found.push(event);
  return found;
}

const stranger = () => connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });

/** Resolves when the server has closed the connection on which `bytes` were sent. */
function sent(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {}).on('close', () => resolve());
    socket.on('data', () => {});
    socket.end(bytes);
  });
}

/** Serial of the certificate that the port shows to a new connection. */
function serverSerial(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: [...(ca.bundle.value?.roots ?? [])],
    });
    socket.once('error', reject).once('secureConnect', () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
  });
}

describe('CreateCertificate', () => {
  it('gives the caller’s name to the request’s key, whatever the request says, and records it', async () => {
    const keys = await generateKeyPair('ecdsa-p256');
    const csr = await createCsr(keys, { uri: 'spiffe://cluster.local/ns/kube-system/sa/admin' });
    const { certChain } = await ask({ csr, token: await token() });
    const leaf = new X509Certificate(certChain[0] ?? '');
    expect(leaf.subjectAltName).toBe(`URI:${uri}`);
    expect(leaf.publicKey.equals(keys.publicKey)).toBe(true);
    expect(certChain.at(-1)).toBe(ca.bundle.value?.roots.join(''));
    const issued = (await events('certificate-issued')).at(-1);
    expect(issued).toMatchObject({
      subject: `identity/${uri}`,
      data: {
        spiffeId: uri,
        subjectAltNames: [uri],
        serial: leaf.serialNumber.toLowerCase(),
        evidence: { kind: 'join-token' },
        ignored: ['2.5.29.17'],
      },
    });
  });

  it('used with one token by 100 at once, gives exactly one certificate', async () => {
    const before = (await events('certificate-issued')).length;
    const one = await token();
    const csr = await createCsr(await generateKeyPair('ecdsa-p256'));
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask({ csr, token: one })));
    expect(answers.filter(({ certChain }) => certChain !== undefined)).toHaveLength(1);
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([undefined, status.UNAUTHENTICATED]));
    expect(await events('certificate-issued')).toHaveLength(before + 1);
    await clock.advance(200_000);
  });

  it('gives the same certificate again to a key whose answer got lost, and nothing to another key', async () => {
    const one = await token();
    const csr = await createCsr(await generateKeyPair('ecdsa-p256'));
    const { certChain } = await ask({ csr, token: one });
    const issued = (await events('certificate-issued')).length;
    await clock.advance(5_000);
    expect((await ask({ csr, token: one })).certChain).toEqual(certChain);
    expect(await ask({ token: one })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'the join token was used before',
    });
    expect(await events('certificate-issued')).toHaveLength(issued);
  });

  it('renews who has a certificate that is still valid, and nobody whose has ended', async () => {
    const own = await join();
    const { certChain } = await ask({ own });
    expect(new X509Certificate(certChain[0] ?? '').subjectAltName).toBe(`URI:${uri}`);
    expect((await events('certificate-issued')).at(-1)?.data).toMatchObject({ evidence: { kind: 'x509' } });
    const { ca: otherCa } = testCa();
    const { pkcs8, publicKey } = await generateKeyPair('ecdsa-p256');
    const forged = await otherCa.sign({ id, publicKey });
    const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
    const refused = await ask({ own: { privateKey, chain: [forged.certificate] } });
    expect(refused).toMatchObject({ code: status.UNAUTHENTICATED, details: expect.stringContaining('neither') });
  });

  it('refuses wrong requests and unknown callers, saying why, and records it without the token', async () => {
    const bad = `pjt_${'A'.repeat(43)}`;
    expect(await ask({})).toMatchObject({ code: status.UNAUTHENTICATED, details: expect.stringContaining('neither') });
    expect(await ask({ token: bad })).toMatchObject({ details: 'the join token is unknown' });
    expect(await ask({ csr: 'x', token: bad })).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await ask({ authorization: ['Basic eA=='] })).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(await ask({ authorization: ['Bearer a b'] })).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(await ask({ seconds: -1n, token: await token() })).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await ask({ csr: 'x'.repeat(100_000) })).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const denied = await events('certificate-denied');
    expect(denied.map(({ data }) => Object(data).reason)).toContain('the join token is unknown');
    expect(JSON.stringify(denied)).not.toContain(bad);
  });

  it('limits how often one address may ask, and how much of that gets into the log', async () => {
    const csr = await createCsr(await generateKeyPair('ecdsa-p256'));
    const before = (await events('certificate-denied')).length;
    const answers = await Promise.all(Array.from({ length: 220 }, () => ask({ csr })));
    expect(answers.some(({ code }) => code === status.RESOURCE_EXHAUSTED)).toBe(true);
    expect((await events('certificate-denied')).length - before).toBeLessThanOrEqual(20);
    await clock.advance(200_000);
    await ask({ csr });
    expect(Object((await events('certificate-denied')).at(-1)?.data).unrecorded).toBeGreaterThan(150);
  });

  it('answers after junk before and inside TLS', async () => {
    const ends = Array.from({ length: 40 }, (_, index) => {
      const junk = randomBytes(1 + ((index * 997) % 20_000));
      return index % 2 ? sent(connectPlain({ port, host: '127.0.0.1' }), junk) : sent(stranger(), junk);
    });
    await Promise.all(ends);
    expect((await ask({ token: await token() })).certChain).toHaveLength(2);
  });

  it('gives nothing to a banned identity, by whatever it proves itself, until the ban is lifted', async () => {
    const own = await join();
    const say = async (name: string, revision: number) => {
      const type = `io.periplus.identity.identity-${name}`;
      const event = {
        id: `${name}-${revision}`,
        source: '/admin',
        type,
        subject: `identity/${uri}`,
        actor: 'user:anna',
      };
      const time = new Date(clock.nowMs()).toISOString();
      await facts.append([{ event: { ...event, time, causes: [], data: { spiffeId: uri, reason: '' } } }]);
    };
    await say('banned', 1);
    for (const proof of [{ own }, { token: await token() }])
      expect(await ask(proof)).toMatchObject({
        code: status.PERMISSION_DENIED,
        details: expect.stringContaining('banned'),
      });
    expect((await events('certificate-denied')).at(-1)).toMatchObject({ data: { spiffeId: uri } });
    await say('unbanned', 2);
    expect((await ask({ own })).certChain).toHaveLength(2);
  });

  it('renews its own certificate and goes on serving', async () => {
    const [before, sleeping] = [await serverSerial(), clock.sleeping];
    await clock.advance(1_800_000);
    await vi.waitFor(() => expect(clock.sleeping).toBe(sleeping));
    expect(await serverSerial()).not.toBe(before);
    expect((await ask({ token: await token() })).certChain).toHaveLength(2);
  });
});
