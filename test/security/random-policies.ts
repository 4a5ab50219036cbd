// Random AuthorizationPolicies and requests from small pools, so that they meet often and in every field.
import type { ConfigResource } from '../../events/model.ts';
import type {
  AuthorizationPolicySpec,
  Condition,
  Rule,
  Source,
} from '../../mesh/config/schemas/authorization-policy.ts';
import type { AuthorizationPolicy } from '../../services/pilot/translate/security/select-policies.ts';

/** Gives numbers from 0 to 1. */
export type Random = () => number;

/** SPIFFE IDs of the peers; undefined is plaintext. */
export const peerIds = [
  undefined,
  'spiffe://cluster.local/ns/foo/sa/a',
  'spiffe://cluster.local/ns/bar/sa/b',
  'spiffe://old.example/ns/foo/sa/a',
  'spiffe://other.example/ns/foo-2/sa/b',
] as const;

/** Payloads of the tokens; undefined is none. */
export const tokenClaims: readonly (Readonly<Record<string, unknown>> | undefined)[] = [
  undefined,
  { iss: 'https://issuer.example', sub: 'alice', aud: 'shop', azp: 'app', scope: 'read write', groups: ['dev', 'ops'] },
  { iss: 'https://issuer.example', sub: 'bob', aud: ['shop', 'bank'], realm: { roles: ['admin'], name: 'x' } },
  { iss: 'https://issuer.example', sub: 'team/carol', groups: 'dev', admin: true },
];

/** Addresses that clients of the test connect from. */
export const clientAddresses = ['127.0.0.1', '127.0.0.2', '127.0.1.1'] as const;
/** Server names in TLS. */
export const serverNames = ['web.example', 'api.example', 'web.other'] as const;

const principals = [
  'cluster.local/ns/foo/sa/a',
  'old.example/ns/bar/sa/b',
  'other.example/ns/foo-2/sa/b',
  '*',
  'cluster.local/ns/foo/*',
  '*/sa/b',
  '*/ns/foo/sa/a',
  '*.example/ns/foo/sa/a',
  'nobody',
];
const requestPrincipals = [
  '*',
  'https://issuer.example/alice',
  'https://issuer.example/*',
  '*/bob',
  '*/carol',
  'https://issuer*',
  '*ob',
  'https://issuer.example/a*',
];
const namespaces = ['foo', 'bar', 'f*', '*o', '*', 'foo-*', 'f*2', 'fo.'];
const serviceAccounts = ['a', 'b', 'foo/a', 'bar/b', 'bar/a'];
const ipBlocks = ['127.0.0.1', '127.0.0.0/24', '127.0.0.2/32', '10.0.0.0/8', '127.0.0.0/8', '2001:db8::/32'];
const remoteIps = ['127.0.0.1', '10.1.0.0/16', '10.2.3.4', '2001:db8::1', '127.0.0.0/8', '0.0.0.0/0'];
const trustDomains = ['cluster.local', 'old.example', '*.example', 'other.example'];
const hosts = [
  'web.example',
  'WEB.example',
  'web.example:8080',
  '*.example',
  'web.*',
  '*',
  'other.test',
  '*.example:8080',
  'api.*',
];
const methods = ['GET', 'POST', '*', 'P*', '*T', 'DELETE'];
const paths = [
  '/admin',
  '/admin/*',
  '*/edit',
  '/',
  '/*',
  '*',
  '/Admin',
  '/api/{*}/edit',
  '/api/{**}',
  '/a/{*}/{**}',
  '/admin/;x',
  '/api//v1/edit',
  '*dmin',
  '/adm*',
  '/admin/users',
  '/api/{*}',
];
const headerValues = ['yes', 'y*', '*s', '*', 'no, way', 'a.c'];
const keys = [
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'request.auth.claims[groups]',
  'request.auth.claims[scope]',
  'request.auth.claims[realm][roles]',
  'request.auth.claims[realm][name]',
  'request.auth.claims[admin]',
  'request.headers[x-flag]',
  'request.headers[X-Other]',
  'destination.ip',
  'destination.port',
  'connection.sni',
];
const valuesOfKey: Readonly<Record<string, readonly string[]>> = {
  'source.ip': ipBlocks,
  'remote.ip': remoteIps,
  'source.namespace': namespaces,
  'source.principal': principals,
  'source.serviceAccount': serviceAccounts,
  'request.auth.principal': requestPrincipals,
  'request.auth.audiences': ['shop', 'bank', 's*', '*'],
  'request.auth.presenter': ['app', '*', 'x'],
  'request.auth.claims[groups]': ['dev', 'ops', 'd*', '*s', '*'],
  'request.auth.claims[scope]': ['read', 'write', 'read write', 'w*'],
  'request.auth.claims[realm][roles]': ['admin', 'a*', 'user'],
  'request.auth.claims[realm][name]': ['x', '*'],
  'request.auth.claims[admin]': ['true', '*'],
  'destination.ip': ['127.0.0.1', '127.0.0.0/8', '10.0.0.1'],
  'connection.sni': ['web.example', '*.example', 'web.*', '*', 'api.example'],
};

const requestHosts = [
  'web.example',
  'Web.Example',
  'web.example:8080',
  'web.example:',
  'web.example.',
  'api.example',
  'api.example:8080',
  'other.test',
  'web.other',
];
/** Paths that requests are sent to, before the proxy normalises them. */
export const requestPaths = [
  '/',
  '/admin',
  '/Admin',
  '//admin',
  '/%2Fadmin',
  '/admin;x=1',
  '/admin/',
  '/admin/users',
  '/admin%2Fusers',
  '/ADMIN%5cusers',
  '/admin;a/users',
  '/x%2F..%2Fadmin',
  '/x/..;/admin',
  '/x%2f%2e%2E',
  '/api/v1/edit',
  '/api/v1/x/edit',
  '/api//v1/edit',
  '/api/v1;p=1/edit;q',
  '/a/b/c',
  '/a/b',
  '/a/b/',
  '/my-admin',
  '/admin/;x',
  '/admin/;x/edit',
  '/x;/edit',
  '/api/v1%2Fedit',
  '/api/',
  '/api',
];
const flagValues: readonly (readonly string[])[] = [
  [],
  ['yes'],
  ['no'],
  ['no', 'yes'],
  ['yes', 'no'],
  ['no, way'],
  ['yes '],
  ['maybe,yes'],
  ['abc'],
  ['a.c', 'x'],
];

/** Picks from pools; one for each run, so that a seed tells everything. */
export function randomPolicies(random: Random, ports: readonly number[]) {
  const pick = <T>(from: readonly T[]): T => {
    const value = from[Math.floor(random() * from.length)];
    if (value === undefined && from.length === 0) throw new Error('an empty pool');
    return value as T;
  };
  const chance = (of: number) => random() < of;
  const some = (from: readonly string[]) => [...new Set(Array.from({ length: chance(0.7) ? 1 : 2 }, () => pick(from)))];
  const portTexts = [...ports.map(String), '1'];
  const fieldsOf = (pools: Readonly<Record<string, readonly string[]>>) => {
    const fields: Record<string, string[]> = {};
    for (let i = chance(0.7) ? 1 : 2; i > 0; i--) {
      const [name, pool] = pick(Object.entries(pools));
      const key = chance(0.3) ? `not${name[0]?.toUpperCase()}${name.slice(1)}` : name;
      fields[key] = some(pool);
    }
    return fields;
  };
  const source = () =>
    fieldsOf({
      principals,
      requestPrincipals,
      namespaces,
      ipBlocks,
      remoteIpBlocks: remoteIps,
      trustDomains,
      serviceAccounts,
    }) as Source;
  const operation = () => fieldsOf({ hosts, methods, paths, ports: portTexts, ...(chance(0.5) ? { paths } : {}) });
  const condition = (): Condition => {
    const key = pick(keys);
    const pool = key === 'destination.port' ? portTexts : (valuesOfKey[key] ?? headerValues);
    const negated = chance(0.35);
    return { key, ...(negated ? { notValues: some(pool) } : { values: some(pool) }) };
  };
  const times = <T>(most: number, make: () => T) => Array.from({ length: 1 + Math.floor(random() * most) }, make);
  const rule = (): Rule => ({
    ...(chance(0.5) ? { from: times(2, () => ({ source: source() })) } : {}),
    ...(chance(0.6) ? { to: times(2, () => ({ operation: operation() })) } : {}),
    ...(chance(0.4) ? { when: times(2, condition) } : {}),
  });
  const policy = (index: number): AuthorizationPolicy => {
    const spec: AuthorizationPolicySpec = {
      action: chance(0.5) ? 'ALLOW' : 'DENY',
      ...(chance(0.05) ? {} : { rules: times(2, rule) }),
    };
    const resource: ConfigResource<AuthorizationPolicySpec> = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      namespace: pick(['foo', 'istio-system']),
      name: `policy-${index}`,
      spec,
      ...(chance(0.05) ? { annotations: { 'istio.io/dry-run': 'true' } } : {}),
    };
    return resource;
  };
  return {
    pick,
    policies: () => times(3, () => 0).map((_, index) => policy(index)),
    http: () => ({
      method: pick(['GET', 'POST', 'PUT']),
      host: pick(requestHosts),
      path: pick(requestPaths),
      flag: pick(flagValues),
      other: pick(flagValues),
      forwardedFor: pick([undefined, '10.1.2.3', '10.2.3.4', '2001:db8::1']),
    }),
  };
}
