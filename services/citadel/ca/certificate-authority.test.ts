import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { ManualClock, MemoryKeyStore, testCa } from '../citadel-fixture.ts';
import { type Issuer, issueCa } from '../x509/issue.ts';
import { generateKeyPair } from '../x509/keys.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { loadPluggedIn } from './plugged-in.ts';

const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const sign = async (ca: CertificateAuthority) =>
  await ca.sign({ id, publicKey: (await generateKeyPair('ecdsa-p256')).publicKey });
const signedBy = (certificate: string, issuer: string | undefined) =>
  issuer !== undefined && new X509Certificate(certificate).checkIssued(new X509Certificate(issuer));

describe('a self-signed CA', () => {
  it('is made once, and is the same after a restart', async () => {
    const { ca, options } = testCa();
    const first = await sign(ca);
    const again = new CertificateAuthority(options);
    const second = await sign(again);
    expect(second.authority).toBe(first.authority);
    expect(signedBy(second.certificate, first.bundle.roots[0])).toBe(true);
    expect(await again.status()).toMatchObject({ next: 'prepare', bundle: { sequence: 1 } });
  });

  it('is made once by two that start together; the one without the key says so', async () => {
    const { ca, options } = testCa();
    const other = new CertificateAuthority({ ...options, keys: new MemoryKeyStore(), name: 'other' });
    const results = await Promise.allSettled([sign(ca), sign(other)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(String(results.find((result) => result.status === 'rejected')?.reason)).toContain('is not in');
  });

  it('writes no key into the log', async () => {
    const { ca, facts } = testCa();
    await sign(ca);
    let text = '';
    for await (const event of facts.read()) text += JSON.stringify(event);
    expect(text).toContain('BEGIN CERTIFICATE');
    expect(text).not.toMatch(/PRIVATE|"d":/);
  });

  it('gives at most a day, by default an hour', async () => {
    const { ca } = testCa();
    const { publicKey } = await generateKeyPair('ecdsa-p256');
    expect((await ca.sign({ id, publicKey })).notAfter).toBe('2026-11-22T16:00:00.000Z');
    const long = await ca.sign({ id, publicKey, lifeMs: 1e12 });
    expect(long.notAfter).toBe('2026-11-23T15:00:00.000Z');
  });

  it('changes its key only when every proxy holds the new bundle, and destroys the old key at the end', async () => {
    const { ca, holders, facts, keys, clock } = testCa();
    const old = await sign(ca);
    const { serial, notAfter, authority } = old;
    const time = new Date(clock.nowMs()).toISOString();
    const issued = { id: '1', source: '/t', subject: 'identity/x', time, actor: 't', causes: [] };
    const type = 'io.periplus.identity.certificate-issued';
    const evidence = { kind: 'jwt', details: {} };
    await facts.append([{ event: { ...issued, type, data: { serial, notAfter, authority, evidence } } }]);
    holders.push({ proxy: 'p1', bundle: old.bundle.hash });
    expect(await ca.advance('user:anna')).toMatchObject({ ok: true, step: 'prepare' });
    expect(await ca.advance('user:anna')).toMatchObject({ ok: true, step: 'publish' });
    expect(await ca.advance('user:anna')).toMatchObject({ ok: false, step: 'activate', waitingFor: ['p1'] });
    expect((await ca.status()).lagging).toEqual(['p1']);
    expect((await sign(ca)).authority).toBe(old.authority);
    holders[0] = { proxy: 'p1', bundle: ca.bundle.value?.hash };
    expect(await ca.advance('user:anna')).toMatchObject({ ok: true, step: 'activate' });
    const renewed = await sign(ca);
    expect([renewed.authority === old.authority, renewed.bundle.roots.length]).toEqual([false, 2]);
    expect(await ca.advance('user:anna')).toMatchObject({ ok: true, step: 'taint' });
    expect(await ca.advance('user:anna')).toMatchObject({ ok: false, step: 'revoke' });
    await clock.advance(3_600_000);
    expect(await ca.advance('user:anna')).toMatchObject({ ok: true, step: 'revoke' });
    expect([...keys.keys.keys()]).toEqual([renewed.authority]);
    expect(ca.bundle.value?.roots).toHaveLength(1);
    expect(signedBy((await sign(ca)).certificate, ca.bundle.value?.roots[0])).toBe(true);
  });
});

describe('a plugged-in CA', () => {
  const clock = new ManualClock();
  const common = { trustDomain: 'cluster.local', lifeMs: 86_400_000 };
  async function aCa(name: string, issuer?: Issuer): Promise<Issuer & { pkcs8: Buffer }> {
    const { pkcs8, ...keys } = await generateKeyPair('ecdsa-p256');
    const pathLength = issuer ? 0 : 1;
    const made = { ...common, name, keys, nowMs: clock.nowMs(), pathLength, ...(issuer && { issuer }) };
    return { certificate: (await issueCa(made)).certificate, keys, pkcs8 };
  }
  function write(folder: string, ca: Awaited<ReturnType<typeof aCa>>, roots: readonly Issuer[]) {
    const [root] = roots;
    writeFileSync(join(folder, 'ca-cert.pem'), ca.certificate);
    const key = `-----BEGIN PRIVATE KEY-----\n${ca.pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
    writeFileSync(join(folder, 'ca-key.pem'), key);
    writeFileSync(join(folder, 'root-cert.pem'), roots.map(({ certificate }) => certificate).join(''));
    writeFileSync(join(folder, 'cert-chain.pem'), `${ca.certificate}${root?.certificate}`);
  }
  function newFolder() {
    const folder = mkdtempSync(join(tmpdir(), 'periplus-cacerts-'));
    folders.push(folder);
    return folder;
  }

  it('signs with the intermediate, gives its chain, and takes new files while it runs', {
    timeout: 60_000,
  }, async () => {
    const folder = newFolder();
    const root = await aCa('root');
    const [first, second] = [await aCa('one', root), await aCa('two', root)];
    write(folder, first, [root]);
    const { ca, options, holders } = testCa({ pluggedIn: folder, clock });
    const svid = await sign(ca);
    expect(signedBy(svid.certificate, first.certificate)).toBe(true);
    expect([svid.intermediates.length, svid.bundle.roots.length]).toEqual([1, 1]);
    expect(signedBy(svid.intermediates[0] ?? '', svid.bundle.roots[0])).toBe(true);

    const stop = new AbortController();
    const running = ca.run(stop.signal);
    const settle = async (done: () => Promise<boolean>) => {
      // The files are read from a real disk, which takes real time.
      for (let tries = 0; tries < 5_000 && !(await done()); tries++) {
        await clock.advance(1_000);
        await setTimeout(2);
      }
    };
    write(folder, second, [root]);
    await settle(async () => signedBy((await sign(ca)).certificate, second.certificate));
    expect(signedBy((await sign(ca)).certificate, second.certificate)).toBe(true);

    const [otherRoot] = [await aCa('other root')];
    const third = await aCa('three', otherRoot);
    holders.push({ proxy: 'p1', bundle: ca.bundle.value?.hash });
    writeFileSync(join(folder, 'ca-key.pem'), 'damaged');
    write(folder, third, [otherRoot]);
    await settle(async () => ca.bundle.value?.roots.length === 2);
    await clock.advance(5_000);
    expect(signedBy((await sign(ca)).certificate, second.certificate)).toBe(true);
    holders[0] = { proxy: 'p1', bundle: ca.bundle.value?.hash };
    await settle(async () => signedBy((await sign(ca)).certificate, third.certificate));
    expect(signedBy((await sign(ca)).certificate, third.certificate)).toBe(true);
    stop.abort();
    await running;
    expect((await sign(new CertificateAuthority({ ...options, name: 'again' }))).authority).toBe(
      (await sign(ca)).authority,
    );
  });

  it('is refused when its files do not fit each other, naming the file and not its content', async () => {
    const folder = newFolder();
    const [root, other] = [await aCa('root'), await aCa('other')];
    const ca = await aCa('one', root);
    const problem = async () => {
      const load = loadPluggedIn({ folder, trustDomain: 'cluster.local', nowMs: clock.nowMs() });
      return await load.then(() => 'taken', String);
    };
    expect(await problem()).toContain('ca-cert.pem: can not be read');
    write(folder, ca, [other]);
    expect(await problem()).toContain('cert-chain.pem');
    write(folder, { ...ca, pkcs8: other.pkcs8 }, [root]);
    expect(await problem()).toContain('not the key');
    writeFileSync(join(folder, 'ca-key.pem'), '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----');
    expect(await problem()).toMatch(/ca-key.pem: .*can not be read/);
    expect(await problem()).not.toMatch(/BEGIN|c2Vj/);
    write(folder, ca, [root]);
    expect(await problem()).toBe('taken');
    await clock.advance(2 * 86_400_000);
    expect(await problem()).toContain('expired');
  });
});
