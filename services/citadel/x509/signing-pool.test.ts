import { X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createCsr } from './csr.ts';
import { issueRoot } from './issue.ts';
import { generateKeyPair } from './keys.ts';
import { SigningPool } from './signing-pool.ts';

const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };
const nowMs = Date.UTC(2026, 10, 22);
const keys = await generateKeyPair('ecdsa-p256');
const { certificate } = await issueRoot({ trustDomain: 'cluster.local', name: 'test', keys, nowMs });
const issuer = { certificate, keys };
const common = { id, issuer, nowMs, lifeMs: 3_600_000 };

describe('a signing pool', () => {
  let pool = new SigningPool();
  afterEach(() => pool.close());

  it('serves a few without a thread and many with several, all alike', { timeout: 60_000 }, async () => {
    pool = new SigningPool({ threads: 2 });
    const owner = await generateKeyPair('ecdsa-p256');
    const csr = await createCsr(owner);
    const answer = async () => {
      const parsed = await pool.parseCsr(csr);
      if (!parsed.ok) throw new Error(parsed.reason);
      return await pool.issueSvid({ ...common, publicKey: parsed.request.publicKey });
    };
    await Promise.all([answer(), answer()]);
    expect(pool.threads).toBe(0);
    const issued = await Promise.all(Array.from({ length: 40 }, answer));
    expect(pool.threads).toBe(2);
    expect(new Set(issued.map(({ serial }) => serial)).size).toBe(40);
    for (const one of issued) {
      const leaf = new X509Certificate(one.certificate);
      expect(leaf.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/web');
      expect(leaf.publicKey.equals(owner.publicKey)).toBe(true);
      expect(leaf.verify(new X509Certificate(certificate).publicKey)).toBe(true);
    }
  });

  it('passes on what is wrong, and starts again after its threads have ended', { timeout: 60_000 }, async () => {
    pool = new SigningPool({ threads: 1 });
    const { publicKey } = await generateKeyPair('ecdsa-p256');
    const late = { ...common, nowMs: nowMs + 20 * 365 * 86_400_000, publicKey };
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => pool.issueSvid(late)));
    expect(new Set(results.map((result) => result.status === 'rejected' && result.reason.code))).toEqual(
      new Set(['unavailable']),
    );
    const refused = await Promise.all(Array.from({ length: 40 }, () => pool.parseCsr('x')));
    expect(new Set(refused.map(({ ok }) => ok))).toEqual(new Set([false]));
    const cut = Array.from({ length: 40 }, () => pool.issueSvid({ ...common, publicKey }));
    const ended = Promise.allSettled(cut);
    await pool.close();
    expect((await ended).some(({ status }) => status === 'rejected')).toBe(true);
    expect((await Promise.all(Array.from({ length: 40 }, () => pool.issueSvid({ ...common, publicKey })))).length).toBe(
      40,
    );
  });
});
