import { type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatSpiffeId } from '../../../mesh/spiffe-id.ts';
import { readSvid } from './inspect.ts';
import { caProblem, type Issuer, issueCa, issueRoot, issueSvid, svidProblem } from './issue.ts';
import { generateKeyPair, type KeyType, spkiOf } from './keys.ts';
import {
  BasicConstraintsExtension,
  Certificate,
  PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from './library.ts';

const nowMs = Date.UTC(2026, 10, 22, 15, 0, 0, 500);
const hourMs = 3_600_000;
const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const uri = formatSpiffeId(id);

async function aRoot(type: KeyType = 'ecdsa-p256'): Promise<Issuer> {
  const keys = await generateKeyPair(type);
  const { certificate } = await issueRoot({ trustDomain: 'cluster.local', name: 'test', keys, nowMs });
  return { certificate, keys };
}
const aLeaf = async (issuer: Issuer, publicKey: KeyObject, lifeMs = hourMs) =>
  await issueSvid({ id, publicKey, issuer, nowMs, lifeMs });

describe('issueSvid', () => {
  it.each(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const)(
    'signed by %s, gives what the standard asks for',
    async (type) => {
      const root = await aRoot(type);
      const { publicKey } = await generateKeyPair('ecdsa-p256');
      const issued = await aLeaf(root, publicKey);
      const leaf = new Certificate(issued.certificate);
      const names = leaf.getExtension(SubjectAlternativeNameExtension);
      expect([names?.critical, names?.names.toJSON()]).toEqual([true, [{ type: 'url', value: uri }]]);
      expect(leaf.getExtension(BasicConstraintsExtension)?.ca).toBe(false);
      expect(leaf.notBefore.toISOString()).toBe('2026-11-22T14:59:00.000Z');
      expect(leaf.notAfter.toISOString()).toBe('2026-11-22T16:00:00.000Z');
      expect(issued.serial).toMatch(/^01[0-9a-f]{32}$/);
      expect(svidProblem(issued.certificate, { uri, publicKey, issuer: root.certificate })).toBeUndefined();
      expect(readSvid(issued.certificate)).toMatchObject({ id, serial: issued.serial });
    },
  );

  it('ends no later than its issuer, and is not issued by one that has ended', async () => {
    const keys = await generateKeyPair('ecdsa-p256');
    const ca = { trustDomain: 'cluster.local', name: 'short', keys, nowMs, pathLength: 0 };
    const { certificate } = await issueCa({ ...ca, lifeMs: 10_000 });
    const issued = await aLeaf({ certificate, keys }, keys.publicKey);
    expect(issued.notAfter).toBe(new Certificate(certificate).notAfter.toISOString());
    const late = {
      id,
      publicKey: keys.publicKey,
      issuer: { certificate, keys },
      nowMs: nowMs + 10_000,
      lifeMs: hourMs,
    };
    await expect(issueSvid(late)).rejects.toThrow('expired');
  });

  it('never gives the same serial twice', async () => {
    const root = await aRoot();
    const serials = await Promise.all(
      Array.from({ length: 50 }, async () => (await aLeaf(root, root.keys.publicKey)).serial),
    );
    expect(new Set(serials).size).toBe(50);
  });
});

describe('checks of what was signed', () => {
  it('notice another name, another key, another issuer and a CA', async () => {
    const [root, other] = [await aRoot(), await aRoot()];
    const { publicKey } = await generateKeyPair('ecdsa-p256');
    const { certificate } = await aLeaf(root, publicKey);
    const wanted = { uri, publicKey, issuer: root.certificate };
    expect(svidProblem(certificate, { ...wanted, uri: `${uri}x` })).toContain('names');
    expect(svidProblem(certificate, { ...wanted, publicKey: root.keys.publicKey })).toContain('key');
    expect(svidProblem(certificate, { ...wanted, issuer: other.certificate })).toBeDefined();
    expect(svidProblem(root.certificate, wanted)).toContain('CA');
    expect(caProblem(certificate, root.certificate)).toContain('no CA');
    expect(caProblem(root.certificate, other.certificate)).toBeDefined();
  });

  it('read an intermediate’s chain as OpenSSL does', async () => {
    const rootKeys = await generateKeyPair('ecdsa-p384');
    const common = { trustDomain: 'cluster.local', nowMs, lifeMs: hourMs };
    const top = await issueCa({ ...common, name: 'root', keys: rootKeys, pathLength: 1 });
    const keys = await generateKeyPair('ecdsa-p256');
    const issuer = { certificate: top.certificate, keys: rootKeys };
    const { certificate } = await issueCa({ ...common, name: 'intermediate', keys, pathLength: 0, issuer });
    const leaf = await aLeaf({ certificate, keys }, keys.publicKey);
    expect(new X509Certificate(leaf.certificate).checkIssued(new X509Certificate(certificate))).toBe(true);
    expect(caProblem(certificate, top.certificate)).toBeUndefined();
  });

  it('read no identity from a CA, from several names, or from a DNS name', async () => {
    const root = await aRoot();
    const named = async (...names: { type: 'url' | 'dns' | 'email'; value: string }[]) =>
      (
        await X509CertificateGenerator.create({
          publicKey: new PublicKey(spkiOf(root.keys.publicKey)),
          signingKey: root.keys.privateKey,
          extensions: [new SubjectAlternativeNameExtension(names)],
        })
      ).toString('pem');
    const name = { type: 'url', value: uri } as const;
    expect(readSvid(await named(name))).toMatchObject({ id });
    for (const other of [name, { type: 'dns', value: 'web' } as const])
      for (const names of [
        [name, other],
        [other, name],
      ])
        expect(typeof readSvid(await named(...names))).toBe('string');
    expect(readSvid(await named({ type: 'dns', value: uri }))).toContain('not a URI');
    expect(readSvid(await named({ type: 'url', value: `${uri}, DNS:x` }))).toContain('SPIFFE');
    expect(readSvid(await named({ type: 'url', value: `${uri}\0.evil` }))).toContain('SPIFFE');
    expect(readSvid(await named())).toContain('URI');
    expect(readSvid(root.certificate)).toContain('CA');
    expect(readSvid('nothing')).toContain('not a certificate');
  });
});
