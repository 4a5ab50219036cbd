// Delegated routes: what is inherited, narrowed and dropped.
import { describe, expect, it } from 'vitest';
import type { HTTPMatchRequest, HTTPRoute } from '../../../../mesh/config/schemas/virtual-service.ts';
import { mergeDelegate } from './merge-delegates.ts';

const to = (host: string): HTTPRoute => ({ route: [{ destination: { host } }] });
const matchesOf = (root: HTTPMatchRequest[], leaf: HTTPMatchRequest[]) =>
  mergeDelegate({ match: root }, [{ ...to('a'), match: leaf }]).map(({ match }) => match);

describe('mergeDelegate', () => {
  it('given a root with settings, fills in what the delegate leaves open and keeps what it says', () => {
    const root: HTTPRoute = { name: 'root', timeout: '5s', retries: { attempts: 1 }, corsPolicy: { maxAge: '1s' } };
    const [merged] = mergeDelegate(root, [{ ...to('a'), name: 'leaf', timeout: '1s' }]);
    expect(merged).toMatchObject({
      name: 'root-leaf',
      timeout: '1s',
      retries: { attempts: 1 },
      corsPolicy: { maxAge: '1s' },
    });
  });

  it('given no match on one side, takes the other side’s', () => {
    expect(matchesOf([], [{ uri: { exact: '/a' } }])).toEqual([[{ uri: { exact: '/a' } }]]);
    expect(matchesOf([{ uri: { prefix: '/a' } }], [])).toEqual([[{ uri: { prefix: '/a' } }]]);
  });

  it('given a narrower path, joins names, headers and labels of both', () => {
    const [match] = matchesOf(
      [{ name: 'r', uri: { prefix: '/a' }, headers: { x: { exact: '1' } }, sourceLabels: { app: 'c' } }],
      [{ name: 'l', uri: { exact: '/a/b' }, headers: { y: {} }, sourceLabels: { version: 'v1' } }],
    );
    expect(match).toEqual([
      {
        name: 'r-l',
        uri: { exact: '/a/b' },
        headers: { x: { exact: '1' }, y: {} },
        withoutHeaders: {},
        queryParams: {},
        sourceLabels: { app: 'c', version: 'v1' },
      },
    ]);
  });

  it.each<[string, HTTPMatchRequest, HTTPMatchRequest]>([
    ['a wider path', { uri: { prefix: '/a/b' } }, { uri: { prefix: '/a' } }],
    ['a prefix under an exact path', { uri: { exact: '/a' } }, { uri: { prefix: '/a' } }],
    ['another exact path', { uri: { exact: '/a' } }, { uri: { exact: '/b' } }],
    ['a regular expression', { uri: { prefix: '/a' } }, { uri: { regex: '/a.*' } }],
    ['another method', { method: { exact: 'GET' } }, { method: { exact: 'POST' } }],
    ['another header value', { headers: { x: { exact: '1' } } }, { headers: { x: { exact: '2' } } }],
    ['another query parameter value', { queryParams: { q: { exact: '1' } } }, { queryParams: { q: { exact: '2' } } }],
    ['another case rule', { ignoreUriCase: true }, {}],
    ['another port', { port: 80 }, { port: 81 }],
    ['a missing namespace', { sourceNamespace: 'a' }, {}],
    ['another label value', { sourceLabels: { app: 'a' } }, { sourceLabels: { app: 'b' } }],
    ['a gateway that the root does not have', { gateways: ['mesh'] }, { gateways: ['a/b'] }],
  ])('given %s, drops the rule', (_, root, leaf) => {
    expect(matchesOf([root], [leaf])).toEqual([]);
  });

  it('given several root matches, combines the leaf with each that it fits', () => {
    const [match] = matchesOf(
      [{ uri: { prefix: '/a' } }, { uri: { prefix: '/b' } }, { port: 80 }],
      [{ uri: { exact: '/a/x' } }],
    );
    expect(match).toHaveLength(2);
  });
});
