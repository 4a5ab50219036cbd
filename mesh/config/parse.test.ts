import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocuments, parseFiles, parseObject } from './parse.ts';
import { formatProblem } from './problem.ts';

const sidecar = 'apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s}\n';

function faultsOf(text: string, options: Parameters<typeof parseDocuments>[1] = {}): string[] {
  return parseDocuments(text, { file: 'f.yaml', ...options }).problems.map(formatProblem);
}

describe('parseDocuments, given hostile or odd input', () => {
  it('refuses a file above its bound, before parsing it', () => {
    expect(faultsOf(`#${' '.repeat(50 * 1024 * 1024)}`)).toEqual([
      'f.yaml:1:1  is 50.0 MiB, above the limit of 20.0 MiB; split it into several files',
    ]);
    expect(faultsOf(sidecar, { maxBytes: 10 })[0]).toContain('above the limit');
  });

  it('says where binary junk starts', () => {
    expect(faultsOf('a: b\nc: \u0000\u0001')).toEqual([
      'f.yaml:2:4  is not text: it holds the character U+0000, which no YAML or JSON file may hold unescaped',
    ]);
  });

  it('bounds what aliases expand to', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    expect(faultsOf(lines.join('\n'))).toEqual([
      expect.stringContaining('its aliases expand to more than 2000000 values'),
    ]);
  });

  it('refuses nesting that would overflow a stack', () => {
    expect(faultsOf('['.repeat(100_000)).join()).toContain('nested too deeply');
    expect(faultsOf(`${'{a: '.repeat(150)}1${'}'.repeat(150)}`)).toEqual([
      expect.stringContaining('nested more than 100 levels deep'),
    ]);
  });

  it('takes aliases and merge keys as they are meant', () => {
    const text = `${sidecar}spec:\n  egress:\n  - &one {hosts: &all ['*/*'], port: {number: 80, protocol: HTTP}}\n  - {<<: *one, port: {number: 81, protocol: HTTP}}\n  - hosts: *all\n`;
    const { objects, problems } = parseDocuments(text);
    expect(problems).toEqual([]);
    expect(objects[0]).toMatchObject({
      resource: {
        spec: {
          egress: [
            { hosts: ['*/*'], port: { number: 80 } },
            { hosts: ['*/*'], port: { number: 81 } },
            { hosts: ['*/*'] },
          ],
        },
      },
    });
  });

  it('takes JSON, byte-order marks, CRLF, and nothing at all', () => {
    expect(parseDocuments('').objects).toEqual([]);
    expect(parseDocuments('---\n---\n# only\n').problems).toEqual([]);
    expect(
      parseDocuments('{\n\t"apiVersion": "v1",\n\t"kind": "Namespace",\n\t"metadata": {"name": "x"}\n}').objects,
    ).toMatchObject([{ type: 'kubernetes', kind: 'Namespace', namespace: '', name: 'x' }]);
    expect(parseDocuments(`\uFEFF${sidecar.replaceAll('\n', '\r\n')}`).objects).toHaveLength(1);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.constantFrom(...Array.from('{}[]&*!|>-:?,# \n"\'ab~<%@')) }),
        ),
        (text) => {
          parseDocuments(`${sidecar}spec: ${text}`);
          parseDocuments(text);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('parsed objects', () => {
  it('drop null fields, status and kubectl bookkeeping; keep labels, annotations and creation time', () => {
    const { objects } = parseDocuments(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: g
  namespace: prod
  labels: {a: b}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', note: x}
  creationTimestamp: 2026-01-01T00:00:00Z
  managedFields: [{}]
spec: {selector: null, servers: []}
status: {conditions: []}
`);
    expect(objects).toMatchObject([{ type: 'config', base: [] }]);
    expect(objects[0]?.type === 'config' && objects[0].resource).toEqual({
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      namespace: 'prod',
      name: 'g',
      labels: { a: 'b' },
      annotations: { note: 'x' },
      createdAt: '2026-01-01T00:00:00Z',
      spec: { servers: [] },
    });
  });

  it('read older spellings of a field, but not both', () => {
    const spec = (fields: string) =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec: {http: [{${fields}}]}`;
    expect(parseDocuments(spec('mirror_percent: 5')).objects).toMatchObject([
      { resource: { spec: { http: [{ mirrorPercent: 5 }] } } },
    ]);
    expect(faultsOf(spec('mirror_percent: 5, mirrorPercent: 6'))).toEqual([
      'f.yaml:4:32  spec.http[0].mirror_percent: is another spelling of mirrorPercent, which is also set',
    ]);
  });

  it('get the namespace that the caller names', () => {
    expect(parseDocuments(sidecar, { namespace: 'team' }).objects).toMatchObject([{ namespace: 'team' }]);
    expect(parseDocuments(sidecar).objects).toMatchObject([{ namespace: 'default' }]);
  });

  it('may be given only once, in all files together', () => {
    const { objects, problems } = parseFiles([
      { file: 'a.yaml', text: sidecar },
      { file: 'b.yaml', text: `# b\n${sidecar}` },
    ]);
    expect(objects).toHaveLength(1);
    expect(problems.map(formatProblem)).toEqual([
      'b.yaml:4:18  metadata.name: Sidecar/default/s is given twice; the first is at a.yaml:3:18',
    ]);
  });

  it('place later findings in their text', () => {
    const [parsed] = parseDocuments(`${sidecar}spec:\n  egress:\n  - hosts: ['./*']\n`, { file: 'f.yaml' }).objects;
    expect(parsed?.source.locate(['spec', 'egress', 0, 'hosts', 0])).toEqual({ line: 6, column: 13 });
    expect(parsed?.source.locate(['spec', 'egress', 0, 'bind'])).toEqual({ line: 6, column: 5 });
    expect(parsed?.source.locate(['spec', 'egress'], true)).toEqual({ line: 5, column: 3 });
  });
});

describe('parseObject', () => {
  it('checks like a file, with the field path alone', () => {
    const { object, problems } = parseObject({
      apiVersion: 'networking.istio.io/v1',
      kind: 'Sidecar',
      metadata: { name: 's' },
      spec: { egres: [] },
    });
    expect(object).toBeUndefined();
    expect(problems.map(formatProblem)).toEqual(['spec.egres: unknown field; did you mean egress?']);
  });

  it('does not let __proto__ in', () => {
    const json: unknown = JSON.parse(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"__proto__":"y"}}',
    );
    expect(parseObject(json).problems).toMatchObject([{ path: 'data.__proto__', message: 'is not a usable name' }]);
  });

  it.each([[null], [7], ['x'], [[]], [{}], [{ kind: {} }], [{ apiVersion: 'v1', kind: 'Service', metadata: [] }]])(
    'reports %j',
    (json) => {
      const { object, problems } = parseObject(json);
      expect(object).toBeUndefined();
      expect(problems.length).toBeGreaterThan(0);
    },
  );

  it('never quotes a Secret', () => {
    const { problems } = parseObject({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { key: '%%hunter2' },
      stringData: 'hunter2',
    });
    expect(problems).toHaveLength(2);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});
