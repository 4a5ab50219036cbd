import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigResource } from '../../events/model.ts';
import { meshConfigKey } from './mesh-config.ts';
import { parseDocuments } from './parse.ts';
import { diffLines, printYaml } from './print.ts';
import { formatProblem } from './problem.ts';
import { kinds } from './schemas/kinds.ts';
import { arbitraryOf } from './testdata/arbitrary-fixture.ts';

function resourcesOf(text: string): readonly ConfigResource[] {
  const { objects, problems } = parseDocuments(text);
  expect(problems.map(formatProblem)).toEqual([]);
  return objects.flatMap((parsed) => (parsed.type === 'config' ? [parsed.resource] : []));
}

describe('printYaml', () => {
  for (const { kind, type, apiVersions, schema } of kinds.values()) {
    if (type !== 'config') continue;
    it(`prints every ${kind} so that it is read back the same`, () => {
      const labels = fc
        .dictionary(fc.constantFrom('app', 'x.io/y'), fc.string(), { minKeys: 1 })
        .map((value) => ({ ...value }));
      const resource = fc.record(
        {
          apiVersion: fc.constantFrom(...apiVersions),
          kind: fc.constant(kind),
          namespace: fc.constantFrom('default', 'prod', 'true', '1e3'),
          name: fc.constantFrom('a', 'null', 'a.b-c', '123'),
          labels,
          annotations: labels,
          createdAt: fc.constant('2026-01-01T00:00:00.000Z'),
          spec: arbitraryOf(schema),
        },
        { requiredKeys: ['apiVersion', 'kind', 'namespace', 'name', 'spec'] },
      );
      fc.assert(
        fc.property(resource, (value) => {
          expect(resourcesOf(printYaml([value]))).toEqual([value]);
        }),
        { numRuns: 40 },
      );
    });
  }

  it('quotes a field name that YAML would take for its merge key', () => {
    const resource = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadGroup',
      namespace: 'default',
      name: 'a',
      spec: { template: { labels: { '<<': '' } } },
    };
    expect(printYaml([resource])).toContain('"<<": ""');
    expect(resourcesOf(printYaml([resource]))).toEqual([resource]);
  });

  it('prints the mesh configuration as its ConfigMap', () => {
    const mesh = {
      apiVersion: 'mesh.istio.io/v1alpha1',
      ...meshConfigKey,
      spec: { trustDomain: 'example.org', accessLogFile: '/dev/stdout' },
    };
    expect(printYaml([mesh])).toContain('kind: ConfigMap');
    expect(resourcesOf(printYaml([mesh]))).toEqual([mesh]);
  });

  it('separates several, and prints nothing for none', () => {
    const resource = (name: string) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      namespace: 'default',
      name,
      spec: {},
    });
    expect(resourcesOf(printYaml([resource('a'), resource('b')]))).toEqual([resource('a'), resource('b')]);
    expect(printYaml([])).toBe('');
  });
});

describe('diffLines', () => {
  it('differ only in what a user changed', () => {
    const resource = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      namespace: 'default',
      name: 'a',
      spec: { b: 1, a: [{ d: 1, c: 2 }] },
    };
    const same = { ...resource, createdAt: '2026-01-01T00:00:00Z', spec: { a: [{ c: 2, d: 1 }], b: 1 } };
    expect(diffLines(same)).toEqual(diffLines(resource));
    expect(diffLines({ ...resource, spec: {} })).not.toEqual(diffLines(resource));
    expect(diffLines(undefined)).toEqual([]);
  });
});
