// EnvoyFilters may bring any of Envoy's extensions: all that the API has can be read.
import { readdirSync } from 'node:fs';
import type { DescFile } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { anyTypes } from './any-types.ts';

const extensions = new URL('../../gen/envoy/extensions/', import.meta.url);

it('every message of Envoy’s extensions is known', async () => {
  const paths = readdirSync(extensions, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('_pb.js'),
  );
  expect(paths.length).toBeGreaterThan(200);
  const modules = await Promise.all(
    paths.map((path) => import(new URL(path, extensions).href) as Promise<Readonly<Record<string, unknown>>>),
  );
  const files = modules.flatMap((one) =>
    Object.entries(one).flatMap(([name, value]) => (name.startsWith('file_') ? [value as DescFile] : [])),
  );
  expect(files).toHaveLength(paths.length);
  const unknown = files
    .flatMap(({ messages }) => messages)
    .filter(({ typeName }) => anyTypes.getMessage(typeName) === undefined);
  expect(unknown.map(({ typeName }) => typeName)).toEqual([]);
});
