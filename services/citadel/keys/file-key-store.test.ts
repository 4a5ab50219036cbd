import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { messageOf } from '../../../lib/mesh-error.ts';
import { FileKeyStore } from './file-key-store.ts';
import { keyStoreContract } from './key-store-contract.ts';

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-keys-'));
  folders.push(folder);
  return join(folder, 'keys');
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const storeIn = (folder: string, passphrase?: string) =>
  new FileKeyStore({ folder, log2N: 10, ...(passphrase !== undefined && { passphrase }) });

for (const passphrase of [undefined, 'correct horse'])
  keyStoreContract(passphrase ? 'of encrypted files' : 'of files', async () => {
    const folder = newFolder();
    return { store: storeIn(folder, passphrase), again: () => storeIn(folder, passphrase) };
  });

describe('key files', () => {
  it('are for their owner alone, also when they were not', async () => {
    const folder = newFolder();
    const { name } = await storeIn(folder).create('ecdsa-p256');
    const path = join(folder, `${name}.key`);
    expect([statSync(folder).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(readdirSync(folder)).toEqual([`${name}.key`]);
    await chmod(path, 0o644);
    await storeIn(folder).open(name);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('given a passphrase, show nothing of the key and open with no other', async () => {
    const folder = newFolder();
    const { name } = await storeIn(folder, 'right').create('ecdsa-p256');
    expect(readFileSync(join(folder, `${name}.key`), 'utf8')).not.toContain('PRIVATE KEY');
    await expect(storeIn(folder, 'wrong').open(name)).rejects.toThrow('wrong passphrase');
    await expect(storeIn(folder).open(name)).rejects.toThrow('no passphrase');
  });

  it('do not open in each other’s place, damaged, or by quoting their content', async () => {
    const folder = newFolder();
    const store = storeIn(folder, 'right');
    const [one, two] = [await store.create('ecdsa-p256'), await store.create('ecdsa-p256')];
    const [first, second] = [one, two].map(({ name }) => join(folder, `${name}.key`)) as [string, string];
    renameSync(first, second);
    await expect(store.open(two.name)).rejects.toThrow('altered');
    const sealed = readFileSync(second, 'utf8');
    for (const log2N of [30, 0, 10.5]) {
      writeFileSync(second, sealed.replace('"log2N":10', `"log2N":${log2N}`));
      await expect(store.open(two.name)).rejects.toThrow('damaged');
    }
    writeFileSync(second, sealed.replace('"log2N":10', '"log2N":11'));
    await expect(store.open(two.name)).rejects.toThrow('altered');
    writeFileSync(second, '{}');
    await expect(store.open(two.name)).rejects.toThrow('damaged');
    const damaged = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n';
    writeFileSync(second, damaged);
    const said = await store.open(two.name).catch(messageOf);
    expect(said).toContain('can not be read');
    expect(said).not.toMatch(/BEGIN|c2Vj/);
  });

  it('refuse an unencrypted key of another authority', async () => {
    const folder = newFolder();
    const [one, two] = [await storeIn(folder).create('ecdsa-p256'), await storeIn(folder).create('ecdsa-p256')];
    renameSync(join(folder, `${one.name}.key`), join(folder, `${two.name}.key`));
    await expect(storeIn(folder).open(two.name)).rejects.toThrow('another');
  });
});
