import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TokenStore } from './token-store.ts';

const request = { name: 'laptop', role: 'read', createdBy: 'user:anna' } as const;

describe('the token store', () => {
  let folder: string;
  let nowMs = Date.parse('2026-01-01T00:00:00.000Z');
  let store: TokenStore;
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'periplus-tokens-')), 'tokens');
    store = new TokenStore({ folder, clock: { nowMs: () => nowMs } });
  });
  afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  it('knows the token that it made, and keeps no part of its secret', async () => {
    const { token, record } = await store.create(request);
    expect(await store.check(token)).toEqual({ ok: true, record });
    expect(await store.list()).toEqual([record]);
    expect(readdirSync(folder)).toEqual(['laptop.json']);
    const text = readFileSync(join(folder, 'laptop.json'), 'utf8');
    const secret = token.split('.')[2] ?? '';
    expect(secret).toHaveLength(43);
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret, 'base64url').toString('hex'));
    expect(statSync(join(folder, 'laptop.json')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['another secret', (token: string) => `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`],
    ['a longer one', (token: string) => `${token}A`],
    ['a shorter one', (token: string) => token.slice(0, -1)],
    ['another name', (token: string) => token.replace('laptop', 'other')],
    ['a path', (token: string) => token.replace('laptop', '../laptop')],
    ['no prefix', (token: string) => token.replace('periplus-admin.', '')],
    ['the hash', () => (JSON.parse(readFileSync(join(folder, 'laptop.json'), 'utf8')) as { hash: string }).hash],
  ])('refuses %s, and does not say why', async (_, change) => {
    const { token } = await store.create(request);
    expect(await store.check(change(token))).toEqual({
      ok: false,
      reason: 'the token is not known here, or was revoked',
    });
  });

  it('refuses a token from the moment of its end', async () => {
    const { token, record } = await store.create({ ...request, lifeSeconds: 60 });
    nowMs += 59_999;
    expect(await store.check(token)).toMatchObject({ ok: true });
    nowMs += 1;
    expect(await store.check(token)).toEqual({
      ok: false,
      reason: `the token "laptop" expired at ${record.expiresAt}`,
    });
  });

  it('refuses a revoked token, also where another process revoked it', async () => {
    const { token } = await store.create(request);
    await new TokenStore({ folder, clock: { nowMs: () => nowMs } }).revoke('laptop');
    expect(await store.check(token)).toMatchObject({ ok: false });
    await expect(store.revoke('laptop')).rejects.toMatchObject({ code: 'not-found' });
    await expect(store.revoke('../laptop')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('gives a name once, of many makers to one', async () => {
    const made = await Promise.allSettled(Array.from({ length: 20 }, () => store.create(request)));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['laptop.json']);
    for (const name of ['', 'A', '-a', 'a/b', '..', 'a'.repeat(64)])
      await expect(store.create({ ...request, name })).rejects.toMatchObject({ code: 'invalid' });
  });

  it('says which file is damaged, and lets nobody in with it', async () => {
    const { token } = await store.create(request);
    const file = join(folder, 'laptop.json');
    const good = JSON.parse(readFileSync(file, 'utf8')) as object;
    for (const damage of [{ role: 'admin' }, { hash: '' }, { hash: undefined }, { expiresAt: 'soon' }, { name: 'x' }]) {
      writeFileSync(file, JSON.stringify({ ...good, ...damage }));
      await expect(store.check(token), JSON.stringify(damage)).rejects.toMatchObject({ code: 'corrupt' });
    }
  });
});
