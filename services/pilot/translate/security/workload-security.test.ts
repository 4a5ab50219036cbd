// Golden tests of listeners under security policies, and what people are told about them.
import { describe, expect, it } from 'vitest';
import { defaultMeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { builderOf, recorded, resourceOf, snapshotOf } from '../../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../context-fixture.ts';
import { goldenTests } from '../golden-fixture.ts';
import { setToJson } from '../json.ts';
import { createMemo } from '../memo.ts';
import { translate } from '../translate.ts';
import { typeUrls } from '../translation.ts';

describe('listeners under security policies', () => goldenTests(`${import.meta.dirname}/testdata`, typeUrls.listener));

describe('warnings', () => {
  const warningsOf = (config: ReturnType<typeof resourceOf>[]) =>
    translate(snapshotOf({ config, mesh: defaultMeshConfig }), sidecarContext(), createMemo()).warnings.join('\n');

  it('name STRICT ports without an identity, and authorizers that are not there', () => {
    expect(warningsOf([])).toBe('');
    expect(warningsOf([resourceOf('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } })])).toContain(
      'refused',
    );
    const custom = resourceOf('AuthorizationPolicy', 'ask', { action: 'CUSTOM', provider: { name: 'x' }, rules: [{}] });
    expect(warningsOf([custom])).toContain('AuthorizationPolicy/default/ask: what it matches is denied');
  });
});

describe('fetched key sets', () => {
  it('reach listeners as soon as their fact is in the log, and nothing else changes', () => {
    const uri = 'https://issuer.example/keys';
    const rule = { issuer: 'https://issuer.example', jwksUri: uri };
    const builder = builderOf({ config: [resourceOf('RequestAuthentication', 'jwt', { jwtRules: [rule] })] });
    const memo = createMemo();
    const context = sidecarContext();
    const before = translate(builder.snapshot(), context, memo);
    const jwks = '{"keys":[{"kty":"EC","kid":"fetched"}]}';
    const fact = { type: 'io.periplus.policy.jwks-fetched', subject: `policy/jwks/${uri}`, data: { uri, jwks } };
    builder.apply(recorded(fact, builder.position + 1));
    const after = translate(builder.snapshot(), context, memo);
    const listeners = (of: typeof before) => JSON.stringify(setToJson(of.resources(typeUrls.listener)));
    expect(listeners(before)).toContain('periplus-no-key');
    expect(listeners(after)).not.toContain('periplus-no-key');
    expect(listeners(after)).toContain('fetched');
    expect(after.resources(typeUrls.cluster)).toBe(before.resources(typeUrls.cluster));
    expect(listeners(translate(builder.snapshot(), context, createMemo()))).toBe(listeners(after));
  });
});

describe('bans', () => {
  const id = 'spiffe://cluster.local/ns/shop/sa/mallory';
  const banned = {
    type: 'io.periplus.identity.identity-banned',
    subject: `identity/${id}`,
    data: { spiffeId: id, reason: '' },
  };
  const listeners = (builder: ReturnType<typeof builderOf>, context: ReturnType<typeof sidecarContext>) =>
    translate(builder.snapshot(), context, createMemo()).resources(typeUrls.listener);

  it('are the first filter of every chain of mutual TLS, and of no other', () => {
    const builder = builderOf({});
    const context = sidecarContext({ identity: 'SDS' });
    const before = JSON.stringify(setToJson(listeners(builder, context)));
    expect(before).not.toContain('mallory');
    builder.apply(recorded(banned, 1));
    const after = Object.values(setToJson(listeners(builder, context))) as unknown as {
      readonly filterChains?: readonly { readonly transportSocket?: object; readonly filters: readonly object[] }[];
    }[];
    const chains = after.flatMap(({ filterChains = [] }) => filterChains);
    const first = chains.filter(({ filters }) => JSON.stringify(filters[0]).includes(id));
    expect(first.length).toBeGreaterThan(0);
    expect(first).toEqual(chains.filter(({ transportSocket }) => transportSocket !== undefined));
  });

  it('change nothing for proxies without an identity', () => {
    const builder = builderOf({});
    builder.apply(recorded(banned, 1));
    expect(JSON.stringify(setToJson(listeners(builder, sidecarContext())))).not.toContain('mallory');
  });
});
