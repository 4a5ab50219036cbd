// JSON of resources: every Any that translation makes is expanded.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeSpliced } from './encode.ts';
import { resourceToJson } from './json.ts';
import { typeUrls } from './translation.ts';

const folder = import.meta.dirname;
const read = (file: string) => readFileSync(`${folder}/${file}`, 'utf8');

describe('resourceToJson', () => {
  it('knows every extension that translation imports', () => {
    const types = '../../../mesh/envoy';
    const listed = read(`${types}/any-types.ts`) + read(`${types}/rarer-any-types.ts`);
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
    );
    const imported = sources.flatMap((file) => [...read(file).matchAll(/gen\/(envoy\/extensions\/[^']*_pb\.js)/g)]);
    const missing = new Set(imported.map(([, path]) => path ?? '').filter((path) => !listed.includes(path)));
    expect(imported.length).toBeGreaterThan(10);
    expect([...missing]).toEqual([]);
  });

  it('gives the bytes of a resource with an extension that it can not expand', () => {
    // Cluster.typed_extension_protocol_options = { "x": Any { type_url: "a/b.C" } }
    const bytes = Uint8Array.from([0xa2, 0x02, 12, 0x0a, 1, 0x78, 0x12, 7, 0x0a, 5, 0x61, 0x2f, 0x62, 0x2e, 0x43]);
    const resource = encodeSpliced(typeUrls.cluster, 'odd', [bytes]);
    expect(resourceToJson(resource)).toEqual({
      '@type': typeUrls.cluster,
      name: 'odd',
      value: Buffer.from(bytes).toString('base64'),
    });
  });
});
