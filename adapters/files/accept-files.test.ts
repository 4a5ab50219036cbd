import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Acceptance, acceptFiles, type Candidate, readCandidate } from './accept-files.ts';
import { joinedScope, type ParsedFile, translateByFile, translateFiles } from './translate-files.ts';

const rules = (...names: string[]) =>
  names
    .map(
      (name) =>
        `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name} }\nspec: { hosts: [h], http: [{ route: [{ destination: { host: h } }] }] }\n`,
    )
    .join('---\n');
const candidate = (path: string, ...names: string[]) => readCandidate(path, rules(...names), `conf/${path}`);
const parsed = (path: string, text: string): ParsedFile => {
  const read = readCandidate(path, text, path);
  if ('problem' in read) throw new Error(read.problem);
  return read.file;
};
const nothing: Acceptance['accepted'] = new Map();
const namesIn = ({ accepted }: Acceptance) =>
  Object.fromEntries([...accepted].map(([path, { objects }]) => [path, objects.map(({ name }) => name).join()]));

describe('acceptFiles', () => {
  it('keeps what a file with a problem said before', () => {
    const first = acceptFiles(nothing, new Map([['a', candidate('a', 'x')]]));
    const next = acceptFiles(
      first.accepted,
      new Map<string, Candidate>([
        ['a', { problem: 'broken' }],
        ['b', candidate('b', 'y')],
      ]),
    );
    expect(namesIn(next)).toEqual({ a: 'x', b: 'y' });
    expect([...next.problems]).toEqual([['a', 'broken']]);
  });

  it('lets objects move between files that change together', () => {
    const first = acceptFiles(
      nothing,
      new Map([
        ['a', candidate('a', 'x')],
        ['b', candidate('b', 'y')],
      ]),
    );
    const next = acceptFiles(
      first.accepted,
      new Map([
        ['a', candidate('a', 'y')],
        ['b', candidate('b', 'x')],
      ]),
    );
    expect(namesIn(next)).toEqual({ a: 'y', b: 'x' });
    expect(next.problems.size).toBe(0);
  });

  it('refuses the newcomer when two files give one object, the second by path when both are new', () => {
    expect(
      namesIn(
        acceptFiles(
          nothing,
          new Map([
            ['b', candidate('b', 'x')],
            ['a', candidate('a', 'x', 'z')],
          ]),
        ),
      ),
    ).toEqual({ a: 'x,z' });
    const first = acceptFiles(nothing, new Map([['b', candidate('b', 'x')]]));
    const next = acceptFiles(
      first.accepted,
      new Map([
        ['b', candidate('b', 'x')],
        ['a', candidate('a', 'x', 'z')],
      ]),
    );
    expect(namesIn(next)).toEqual({ b: 'x' });
    expect(next.problems.get('a')).toBe('VirtualService/default/x is given in b already');
  });

  it('never has one object in two files, always ends, and explains every file that is not as it is on disk', () => {
    const content = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 2 }),
    );
    fc.assert(
      fc.property(fc.array(content, { maxLength: 5 }), (rounds) => {
        let state: Acceptance = { accepted: nothing, problems: new Map() };
        for (const round of rounds) {
          const newest = new Map(Object.entries(round).map(([path, names]) => [path, candidate(path, ...names)]));
          state = acceptFiles(state.accepted, newest);
          const all = [...state.accepted.values()].flatMap(({ objects }) => objects.map(({ name }) => name));
          expect(new Set(all).size).toBe(all.length);
          for (const [path, names] of Object.entries(round)) {
            if (!state.problems.has(path)) expect(namesIn(state)[path]).toBe(names.join());
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('readCandidate', () => {
  it('reports findings of schema and of validation with their places', () => {
    const text = rules('x').replace('hosts: [h]', 'hosts: [a..b]');
    expect(readCandidate('a', text, 'conf/a')).toMatchObject({
      problem: expect.stringMatching(/^conf\/a:4:\d+ {2}spec/),
    });
    expect(readCandidate('a', 'kind: Nonsense', 'conf/a')).toMatchObject({
      problem: expect.stringContaining('conf/a:1:'),
    });
  });
});

describe('translateFiles', () => {
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: shop }\nspec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }\n';
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: { name: web-1, namespace: shop, labels: { app: web } }\nstatus: { podIP: 10.0.0.1 }\n';
  const short = (files: readonly ParsedFile[]) =>
    Object.fromEntries(
      [...translateByFile(files)].map(([path, items]) => [path, items.map(({ kind }) => kind).join()]),
    );

  it('gives each file what it shows, and apart what files only show together', () => {
    expect(short([parsed('a', service), parsed('b', pod), parsed('c', rules('x'))])).toEqual({
      a: 'service',
      b: 'workload',
      c: 'config',
      [joinedScope]: 'endpoint',
    });
    expect(short([parsed('a', `${service}---\n${pod}`)])).toEqual({
      a: 'service,endpoint,workload',
      [joinedScope]: '',
    });
  });

  it('is the same whichever file holds what', () => {
    const kinds = (files: readonly ParsedFile[]) =>
      translateFiles(files)
        .map(({ value }) => JSON.stringify(value))
        .sort();
    expect(kinds([parsed('a', service), parsed('b', pod)])).toEqual(kinds([parsed('x', `${pod}---\n${service}`)]));
  });
});
