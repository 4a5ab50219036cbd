import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuthorityState, activeAuthority, evolveAuthorities, noAuthorities } from './authority-state.ts';
import { adopt, type BareFact, type BundleHolder, decideRotation, firstStart, nextStep } from './rotation.ts';

const nowMs = Date.UTC(2026, 10, 22);
const anAuthority = (authority: string, root = `root of ${authority}`) =>
  ({
    trustDomain: 'cluster.local',
    authority,
    origin: 'self-signed',
    chain: [],
    roots: [root],
    notAfter: '2036-11-22T00:00:00.000Z',
  }) as const;
const folded = (facts: readonly BareFact[], state: AuthorityState = noAuthorities) =>
  facts.reduce(evolveAuthorities, state);
const started = () => folded(firstStart(anAuthority('a')));
const holding = (state: AuthorityState, ...proxies: string[]): BundleHolder[] =>
  proxies.map((proxy) => ({ proxy, bundle: state.bundle?.hash }));

/** Takes a step that must be possible. */
function step(state: AuthorityState, more: Partial<Parameters<typeof decideRotation>[1]> = {}): AuthorityState {
  const means = { holders: [], nowMs, lastExpiryMs: new Map(), prepared: anAuthority('b'), ...more };
  const decision = decideRotation(state, means);
  if (!decision.ok) throw new Error(decision.reason);
  return folded(decision.facts, state);
}
const statuses = (state: AuthorityState) =>
  Object.fromEntries(state.authorities.map(({ authority, status }) => [authority, status]));

describe('a rotation', () => {
  it('goes prepare, publish, activate, taint, revoke', () => {
    let state = started();
    const seen = [];
    for (const _ of Array(5)) {
      seen.push(nextStep(state));
      state = step(state);
    }
    expect(seen).toEqual(['prepare', 'publish', 'activate', 'taint', 'revoke']);
    expect(statuses(state)).toEqual({ a: 'revoked', b: 'active' });
    expect(state.bundle).toMatchObject({ sequence: 3, roots: ['root of b'], authorities: ['b'] });
    expect(nextStep(state)).toBe('prepare');
  });

  it('waits, before the new CA signs, for every connected proxy, and names those that lag', () => {
    const before = started();
    const published = step(step(before));
    expect(published.bundle?.roots).toEqual(['root of a', 'root of b']);
    const holders = [...holding(published, 'p1'), { proxy: 'p3', bundle: undefined }, ...holding(before, 'p2')];
    const means = { holders, nowMs, lastExpiryMs: new Map() };
    expect(decideRotation(published, means)).toMatchObject({ ok: false, step: 'activate', waitingFor: ['p2', 'p3'] });
    const active = step(published, { holders: holding(published, 'p1', 'p2', 'p3') });
    expect(activeAuthority(active)?.authority).toBe('b');
  });

  it('keeps the old root until its last certificate has ended', () => {
    const tainted = step(step(step(step(started()))));
    const means = { holders: [], nowMs, lastExpiryMs: new Map([['a', nowMs + 1]]) };
    expect(decideRotation(tainted, means)).toMatchObject({ ok: false, step: 'revoke', waitingFor: [] });
    expect(decideRotation(tainted, { ...means, nowMs: nowMs + 1 })).toMatchObject({ ok: true, step: 'revoke' });
  });

  it('has nothing to do before the first start', () => {
    expect(decideRotation(noAuthorities, { holders: [], nowMs, lastExpiryMs: new Map() }).ok).toBe(false);
  });

  it('given any proxies that take bundles at any time, never signs or distrusts what one of them would refuse', () => {
    const moves = fc.array(fc.oneof(fc.constant('step' as const), fc.nat(2)), { maxLength: 60 });
    fc.assert(
      fc.property(moves, (sequence) => {
        let state = started();
        let made = 0;
        const bundles = [0, 1, 2].map(() => state.bundle);
        for (const move of sequence) {
          if (move !== 'step') bundles[move] = state.bundle;
          else {
            const holders = bundles.map((bundle, index) => ({ proxy: `p${index}`, bundle: bundle?.hash }));
            const means = { holders, nowMs, lastExpiryMs: new Map(), prepared: anAuthority(`n${made++}`) };
            const decision = decideRotation(state, means);
            if (decision.ok) state = folded(decision.facts, state);
          }
          const signing = activeAuthority(state);
          for (const bundle of bundles) expect(bundle?.authorities).toContain(signing?.authority);
        }
      }),
    );
  });
});

describe('a plugged-in CA', () => {
  it('signs at once when its root is trusted, as a renewed intermediate’s is', () => {
    const state = started();
    const after = folded(adopt(state, anAuthority('b', 'root of a')), state);
    expect(statuses(after)).toEqual({ a: 'superseded', b: 'active' });
    expect(after.bundle?.hash).toBe(state.bundle?.hash);
  });

  it('waits to be trusted when its root is new', () => {
    const state = started();
    const after = folded(adopt(state, anAuthority('b')), state);
    expect(statuses(after)).toEqual({ a: 'active', b: 'published' });
    const means = { holders: holding(state, 'p1'), nowMs, lastExpiryMs: new Map() };
    expect(decideRotation(after, means)).toMatchObject({ ok: false, waitingFor: ['p1'] });
  });
});
