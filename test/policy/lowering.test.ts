// Random rules on random requests, each rule once lowered into a real Envoy and once asked of Mixer: the verdicts are the same.
import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compilePolicies } from '../../mesh/policy/compile-policies.ts';
import { placeRules } from '../../mesh/policy/lowering/placement.ts';
import { SnapshotBuilder } from '../../mesh/snapshot-builder.ts';
import { seedOf } from '../support/seed.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Answer, PolicyMesh, type Sidecar } from './policy-mesh.ts';

const rulesPerRun = 60;
const requestsPerRule = 25;

const texts = ['a', 'b', 'ab', '/a', '/a/b', 'GET', 'x,y', ''];
const quoted = fc.constantFrom(...texts).map((text) => JSON.stringify(text));
const values = fc.oneof(
  fc.constantFrom(
    'request.path',
    'request.url_path',
    'request.method',
    'request.host',
    'request.useragent',
    'request.referer',
  ),
  fc.constantFrom(
    'request.headers["x"]',
    'request.headers["y"]',
    'request.auth.claims["role"]',
    'request.auth.claims["none"]',
    'destination.labels["version"]',
    'destination.labels["none"]',
  ),
  fc.constantFrom('source.principal', 'connection.requested_server_name', 'destination.service.host'),
);
const withDefault = fc.oneof(
  values.filter((value) => value !== 'source.principal'),
  fc
    .tuple(
      values.filter((value) => value !== 'source.principal'),
      quoted,
    )
    .map(([a, b]) => `(${a} | ${b})`),
  fc
    .tuple(
      fc.constantFrom('request.headers["x"]', 'request.referer'),
      fc.constantFrom('request.headers["y"]', 'request.path'),
    )
    .map(([a, b]) => `(${a} | ${b})`),
);
const leaf = fc.oneof(
  fc.tuple(withDefault, fc.constantFrom('==', '!='), quoted).map(([a, op, b]) => `(${a} ${op} ${b})`),
  fc
    .tuple(withDefault, fc.constantFrom('startsWith', 'endsWith'), quoted)
    .map(([a, f, b]) => `${a.startsWith('(') ? a : `(${a})`}.${f}(${b})`),
  fc.tuple(withDefault, fc.constantFrom('a*', '*b', '/a*', 'ab', '*')).map(([a, b]) => `match(${a}, "${b}")`),
  fc.tuple(fc.constantFrom('^/a', 'a+b?$', '[ab]+', 'a|b'), withDefault).map(([p, a]) => `"${p}".matches(${a})`),
  fc.constantFrom(
    'source.ip == ip("127.0.0.1")',
    'source.ip != ip("127.0.0.1")',
    'connection.mtls',
    'context.protocol == "http"',
    'api.protocol == "grpc"',
    'destination.port > 1',
    'true',
    'source.principal == "a"',
    'request.auth.principal == "issuer/alice"',
    '(request.auth.principal | "") != "issuer/bob"',
    '(request.auth.presenter | "x") == "x"',
  ),
);
const condition: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a} && ${b})`),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a} || ${b})`),
    tie('node').map((a) => `!(${a})`),
    fc.tuple(leaf, tie('node'), tie('node')).map(([c, a, b]) => `conditional(${c}, ${a}, ${b})`),
  ),
})).node;
const list = fc.record({
  value: withDefault,
  mode: fc.constantFrom('ALLOW', 'DENY'),
  entries: fc.uniqueArray(fc.constantFrom(...texts), { minLength: 1, maxLength: 4 }),
});
const rule = fc.record({ when: condition, list: fc.option(list, { nil: undefined, freq: 3 }) });
const header = fc.option(fc.constantFrom('a', 'b', 'ab', 'x,y', ''), { nil: undefined });
/** Of a key that the sidecars know; a role that is no text has no value. */
const token = fc.option(
  fc.record(
    {
      sub: fc.constantFrom('alice', 'bob'),
      role: fc.constantFrom('a', 'ab', 3, ['a'], true),
      azp: fc.constantFrom('x', 'y'),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined, freq: 2 },
);
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
function signed(claims: object): string {
  const text = `${base64url({ alg: 'ES256', kid: 'k' })}.${base64url({ iss: 'issuer', exp: 4_000_000_000, ...claims })}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: keys.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
const authentication = {
  apiVersion: 'security.istio.io/v1',
  kind: 'RequestAuthentication',
  metadata: { name: 'tokens', namespace: 'default' },
  spec: {
    jwtRules: [
      {
        issuer: 'issuer',
        jwks: JSON.stringify({ keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }] }),
      },
    ],
  },
};
const request = fc.record({
  token,
  path: fc.constantFrom('/a', '/a/b', '/b', '/a?q=1', '/'),
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  headers: fc.record({
    x: header,
    y: header,
    'user-agent': header,
    referer: header,
    host: fc.constantFrom('a', 'b', 'ab'),
  }),
  twice: fc.boolean(),
});
type Drawn = typeof request extends fc.Arbitrary<infer Request> ? Request : never;

describe('lowered and unlowered rules', () => {
  const mesh = new PolicyMesh();
  let lowered: Sidecar;
  let unlowered: Sidecar;
  const rules = fc.sample(rule, { seed: seedOf(7), numRuns: rulesPerRun });
  const requests = fc.sample(request, { seed: 11, numRuns: rulesPerRun * requestsPerRule });

  beforeAll(async () => {
    await mesh.start();
    lowered = await mesh.sidecar('lowered', { app: 'lowered', version: 'v1' });
    unlowered = await mesh.sidecar('unlowered', { app: 'unlowered', version: 'v1' });
    await mesh.apply(JSON.stringify(authentication));
    // A condition that Envoy can not decide and that always holds keeps a rule in Mixer.
    for (const [app, more] of [
      ['lowered', ''],
      ['unlowered', ' && size(request.path | "") >= 0'],
    ] as const) {
      const specs = rules.map(({ when, list: entries }, i) => ({
        when: `(request.headers["x-rule"] == "${i}") && (${when})${more}`,
        ...(entries ? { list: entries } : { deny: { status: 418, message: `rule ${i}` } }),
      }));
      const spec = {
        selector: { matchLabels: { app } },
        rules: [...specs, { when: `request.path == "/ready"${more}`, deny: { status: 410 } }],
      };
      await mesh.apply(
        JSON.stringify({
          apiVersion: 'policy.periplus.io/v1',
          kind: 'Policy',
          metadata: { name: app, namespace: 'default' },
          spec,
        }),
      );
    }
    for (const sidecar of [lowered, unlowered])
      await waitFor(async () => (await sidecar.send('/ready')).status === 410, {
        what: () => `the rules\n${sidecar.envoy.output()}`,
        limitMs: 60_000,
      });
  }, 120_000);
  afterAll(async () => {
    await mesh.stop();
  });

  it('are placed as they are meant to be', async () => {
    const builder = new SnapshotBuilder();
    for await (const event of mesh.facts.read()) builder.apply(event);
    const set = compilePolicies(builder.snapshot().config);
    expect(set.broken).toEqual([]);
    const facts = {
      namespace: 'default',
      name: '',
      serviceAccount: '',
      trustDomain: 'cluster.local',
      isGateway: false,
      services: {},
    };
    const places = (app: string) =>
      placeRules(set, { ...facts, labels: { app, version: 'v1' } }, 'istio-system').map(({ place }) => place);
    const isLowered = (place: string) => place === 'rbac' || place === 'jwt-authn';
    expect(places('unlowered').filter(isLowered)).toEqual([]);
    // Some of the random rules hold for no request.
    expect(places('lowered').filter(isLowered).length).toBeGreaterThan(rulesPerRun / 2);
    expect(places('lowered')).toContain('jwt-authn');
    expect(places('lowered').filter((place) => place === 'ext-authz').length).toBeLessThan(rulesPerRun / 2);
  });

  it(`agree on ${rulesPerRun * requestsPerRule} requests`, async () => {
    const differences: string[] = [];
    let denied = 0;
    const queue = requests.entries();
    const work = async () => {
      for (const [index, { path, method, headers, twice, token: claims }] of queue) {
        const number = index % rulesPerRun;
        const sent = headersOf({ headers, twice, token: claims }, number);
        const [a, b] = await Promise.all(
          [lowered, unlowered].map((sidecar) => answered(() => sidecar.send(path, { method, headers: sent }))),
        );
        if (a?.status !== 200) denied++;
        const words = ({ status, body }: NonNullable<typeof a>) =>
          `${status} ${status === 200 ? '' : body.replaceAll('unlowered', 'lowered')}`;
        if (a && b && words(a) !== words(b))
          differences.push(`${words(a)} / ${words(b)}: ${JSON.stringify([rules[number], method, path, sent, claims])}`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    expect(differences.sort((x, y) => x.length - y.length).slice(0, 3)).toEqual([]);
    expect(denied / requests.length).toBeGreaterThan(0.15);
    expect(denied / requests.length).toBeLessThan(0.85);
  }, 120_000);

  it('agree on who has a listed API key', async () => {
    for (const [app, when] of [
      ['lowered', undefined],
      ['unlowered', 'size(request.path | "") >= 0'],
    ] as const) {
      const spec = {
        selector: { matchLabels: { app } },
        rules: [{ ...(when && { when }), list: { value: 'request.api_key', entries: ['k1', 'k-2', 'key.3'] } }],
      };
      const metadata = { name: `keys-${app}`, namespace: 'default' };
      await mesh.apply(JSON.stringify({ apiVersion: 'policy.periplus.io/v1', kind: 'Policy', metadata, spec }));
    }
    for (const sidecar of [lowered, unlowered])
      await waitFor(async () => (await sidecar.send('/keys')).status === 403, {
        what: () => `the keys\n${sidecar.envoy.output()}`,
        limitMs: 60_000,
      });
    const key = fc.constantFrom(
      'k1',
      'k-2',
      'key.3',
      'k1,k-2',
      'Bearer k1',
      'k%31',
      'key%2E3',
      'K1',
      '',
      ' k1',
      'k1+',
      'no',
    );
    const sent = fc.record({
      header: fc.option(fc.oneof(key, fc.tuple(key, key)), { nil: undefined }),
      query: fc.array(fc.tuple(fc.constantFrom('key', 'api_key', '?key', 'k%65y', 'other'), key), { maxLength: 3 }),
    });
    const differences: string[] = [];
    let denied = 0;
    const queue = fc.sample(sent, { seed: seedOf(3), numRuns: 300 }).values();
    const work = async () => {
      for (const { header: one, query } of queue) {
        const path = `/?${query.map(([name, value]) => `${name}=${value.replaceAll(' ', '%20')}`).join('&')}`;
        const headers = one === undefined ? {} : { 'x-api-key': typeof one === 'string' ? one : [...one] };
        const [a, b] = await Promise.all(
          [lowered, unlowered].map((sidecar) => answered(() => sidecar.send(path, { headers }))),
        );
        if (a?.status !== 200) denied++;
        if (a?.status !== b?.status || a?.body.replace('lowered', '') !== b?.body.replace('unlowered', ''))
          if (a?.status !== 200 || b?.status !== 200)
            differences.push(`${a?.status} ${a?.body} / ${b?.status} ${b?.body}: ${path} ${JSON.stringify(one)}`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    expect(differences).toEqual([]);
    expect(denied).toBeGreaterThan(50);
    expect(denied).toBeLessThan(250);
    expect(await lowered.stat(/api_key_auth\.allowed/)).toBeGreaterThan(0);
  }, 120_000);
});

/** What a drawn request sends to rule `number`. */
function headersOf(
  { headers, twice, token: claims }: Pick<Drawn, 'headers' | 'twice' | 'token'>,
  number: number,
): Record<string, string | string[]> {
  const sent: Record<string, string | string[]> = { 'x-rule': String(number) };
  if (claims !== undefined) sent.authorization = `Bearer ${signed(claims)}`;
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) sent[name] = twice && name === 'x' ? [value, 'b'] : value;
  return sent;
}

/** On a loaded machine Mixer may answer too late for the proxy, which then says 503: no rule does. */
async function answered(send: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    const answer = await send();
    if (answer.status !== 503 || attempt >= 20) return answer;
  }
}
