import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterModulesOf } from './config-modules.ts';
import { packageRoot } from './package-info.ts';

describe('adapterModulesOf', () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-modules-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const of = (...adapter: string[]) => adapterModulesOf({ adapter }, { workingDirectory: folder, wanted: true });

  it('reads a package or a path, with or without a file', () => {
    writeFileSync(join(folder, 'shop.yaml'), 'url: http://127.0.0.1:9000\nnested: { list: [1, two] }\n');
    const config = { url: 'http://127.0.0.1:9000', nested: { list: [1, 'two'] } };
    const folders = [folder, packageRoot()];
    expect(of('@acme/shop:shop.yaml', './shop.js')).toEqual([
      { module: '@acme/shop', config, folders },
      { module: './shop.js', config: {}, folders },
    ]);
  });

  it.each([
    [':x.yaml', /give MODULE or MODULE:CONFIG/],
    ['shop:missing.yaml', /configuration of an adapter can't be read: .*missing\.yaml/],
    ['shop:bad.yaml', /bad\.yaml:\d+:\d+: YAML syntax/],
    ['shop:two.yaml', /two\.yaml has 2 documents/],
  ])('refuses %s', (text, message) => {
    writeFileSync(join(folder, 'bad.yaml'), 'a: [\n');
    writeFileSync(join(folder, 'two.yaml'), 'a: 1\n---\nb: 2\n');
    expect(() => of(text)).toThrow(message);
  });

  it('belongs to the role adapters', () => {
    const flags = { adapter: ['./shop.js'] };
    expect(() => adapterModulesOf(flags, { workingDirectory: folder, wanted: false })).toThrow(/add it to --roles/);
  });
});
