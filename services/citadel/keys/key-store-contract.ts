// What every key store keeps to; each implementation's test runs it.
import { verify } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { keyHash } from '../x509/keys.ts';
import type { KeyStore } from './key-store.ts';

/** Runs the suite. `store` gives one that is empty; `again` opens the same keys as a new process would. */
export function keyStoreContract(
  name: string,
  means: () => Promise<{ readonly store: KeyStore; readonly again: () => KeyStore }>,
): void {
  describe(`the key store ${name}`, () => {
    it('gives back the key that it made, to another process too', async () => {
      const { store, again } = await means();
      const made = await store.create('ecdsa-p256');
      for (const from of [store, again()]) {
        const opened = await from.open(made.name);
        expect(opened?.publicKey.equals(made.keys.publicKey)).toBe(true);
        const data = Buffer.from('signed');
        const signature = await crypto.subtle.sign(
          { name: 'ECDSA', hash: 'SHA-256' },
          opened?.privateKey ?? made.keys.privateKey,
          data,
        );
        const key = { key: made.keys.publicKey, dsaEncoding: 'ieee-p1363' } as const;
        expect(verify('sha256', data, key, Buffer.from(signature))).toBe(true);
      }
    });

    it('names keys by their hash, and knows no others', async () => {
      const { store } = await means();
      const { name, keys } = await store.create('ecdsa-p384');
      expect(keyHash(keys.publicKey).startsWith(name)).toBe(true);
      expect(await store.open('0'.repeat(32))).toBeUndefined();
      await expect(store.open('../../etc/passwd')).rejects.toThrow('hex');
    });

    it('forgets a key that was removed', async () => {
      const { store, again } = await means();
      const { name } = await store.create('ecdsa-p256');
      await store.remove(name);
      await store.remove(name);
      expect(await again().open(name)).toBeUndefined();
    });

    it('gives out handles that neither print nor export their key', async () => {
      const { store } = await means();
      const { name, keys } = await store.create('ecdsa-p256');
      const opened = await store.open(name);
      for (const pair of [keys, opened, store])
        expect(inspect(pair, { depth: 9, showHidden: true }) + JSON.stringify(pair)).not.toMatch(/PRIVATE|"d":/);
      await expect(crypto.subtle.exportKey('pkcs8', keys.privateKey)).rejects.toThrow();
    });
  });
}
