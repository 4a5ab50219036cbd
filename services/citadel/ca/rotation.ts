// Decides how a CA is replaced by one with a new key: prepare → publish → activate → taint → revoke, each step only when it is safe.
import type { AuthorityFact, AuthorityPrepared } from '../../../events/identity-facts.ts';
import {
  type Authority,
  type AuthorityState,
  activeAuthority,
  bundleOf,
  evolveAuthorities,
  type TrustBundle,
} from './authority-state.ts';

/** An event without its envelope. */
export type BareFact = {
  [Type in AuthorityFact['type']]: Pick<Extract<AuthorityFact, { type: Type }>, 'type' | 'data'>;
}[AuthorityFact['type']];

/** The steps of a rotation, in order. */
export type RotationStep = 'prepare' | 'publish' | 'activate' | 'taint' | 'revoke';

/** Which bundle a connected proxy is known to hold. */
export interface BundleHolder {
  readonly proxy: string;
  /** `hash` of the bundle; undefined: not known. */
  readonly bundle: string | undefined;
}

/** What a step is decided on. */
export interface RotationMeans {
  readonly holders: readonly BundleHolder[];
  readonly nowMs: number;
  /** When the last certificate of each authority ends, in ms since the epoch; absent: it has issued none. */
  readonly lastExpiryMs: ReadonlyMap<string, number>;
  /** The new CA, for the step `prepare`. */
  readonly prepared?: AuthorityPrepared['data'];
}

/** What became of a step. */
export type RotationDecision =
  | { readonly ok: true; readonly step: RotationStep; readonly facts: readonly BareFact[] }
  | {
      readonly ok: false;
      readonly step: RotationStep;
      readonly reason: string;
      /** Proxies that the step waits for. */
      readonly waitingFor: readonly string[];
    };

/** The step that comes next: a rotation that has begun is finished before another begins. */
export function nextStep(state: AuthorityState): RotationStep {
  const has = (status: Authority['status']) => state.authorities.some((authority) => authority.status === status);
  if (has('prepared')) return 'publish';
  if (has('published')) return 'activate';
  if (has('superseded')) return 'taint';
  return has('tainted') ? 'revoke' : 'prepare';
}

/** Takes the next step, or says what it waits for. Pure. */
export function decideRotation(state: AuthorityState, means: RotationMeans): RotationDecision {
  const step = nextStep(state);
  const active = activeAuthority(state);
  if (!active || !state.bundle) return refused(step, 'there is no CA yet');
  const { trustDomain } = active;
  const first = (status: Authority['status']) => state.authorities.find((authority) => authority.status === status);
  switch (step) {
    case 'prepare':
      return means.prepared
        ? taken(step, { type: 'io.periplus.identity.authority-prepared', data: means.prepared })
        : refused(step, 'the new CA has not been made');
    case 'publish':
      return taken(step, published(state, trustDomain));
    case 'activate': {
      const next = first('published');
      const lagging = laggards(state.bundle, means.holders);
      if (!next || lagging.length > 0) return refused(step, 'not every connected proxy trusts the new CA yet', lagging);
      return taken(step, activated(next, active));
    }
    case 'taint': {
      const data = { trustDomain, authority: first('superseded')?.authority ?? '' };
      return taken(step, { type: 'io.periplus.identity.authority-tainted', data });
    }
    case 'revoke':
      return decideRevoke(state, { trustDomain, bundle: state.bundle, old: first('tainted'), means });
    default:
      return step satisfies never;
  }
}

function decideRevoke(
  state: AuthorityState,
  input: {
    readonly trustDomain: string;
    readonly bundle: TrustBundle;
    readonly old: Authority | undefined;
    readonly means: RotationMeans;
  },
): RotationDecision {
  const { trustDomain, bundle, means } = input;
  const authority = input.old?.authority ?? '';
  const lagging = laggards(bundle, means.holders);
  if (lagging.length > 0) return refused('revoke', 'not every connected proxy trusts the new CA', lagging);
  const lastMs = means.lastExpiryMs.get(authority) ?? 0;
  if (lastMs > means.nowMs)
    return refused('revoke', `certificates of the old CA are valid until ${new Date(lastMs).toISOString()}`);
  const revoked = { type: 'io.periplus.identity.authority-revoked', data: { trustDomain, authority } } as const;
  return taken('revoke', revoked, published(evolveAuthorities(state, revoked), trustDomain));
}

/** The facts of a first start: nobody trusts anything yet, so there is nobody to wait for. */
export function firstStart(prepared: AuthorityPrepared['data']): readonly BareFact[] {
  const { trustDomain } = prepared;
  const data = bundleOf(trustDomain, [prepared], 1);
  return [
    { type: 'io.periplus.identity.authority-prepared', data: prepared },
    { type: 'io.periplus.identity.bundle-published', data },
    activated(prepared, undefined),
  ];
}

/** A CA whose roots everybody trusts already, such as a renewed intermediate, may sign at once. */
export function adopt(state: AuthorityState, prepared: AuthorityPrepared['data']): readonly BareFact[] {
  const active = activeAuthority(state);
  const facts: readonly BareFact[] = [{ type: 'io.periplus.identity.authority-prepared', data: prepared }];
  const trusted = prepared.roots.every((root) => state.bundle?.roots.includes(root));
  const after = facts.reduce(evolveAuthorities, state);
  return [...facts, published(after, prepared.trustDomain), ...(trusted ? [activated(prepared, active)] : [])];
}

function published(state: AuthorityState, trustDomain: string): BareFact {
  const trusted = state.authorities.filter(({ status }) => status !== 'revoked');
  const data = bundleOf(trustDomain, trusted, (state.bundle?.sequence ?? 0) + 1);
  return { type: 'io.periplus.identity.bundle-published', data };
}

function activated(next: { trustDomain: string; authority: string }, active: Authority | undefined): BareFact {
  const { trustDomain, authority } = next;
  const data = { trustDomain, authority, ...(active && { previous: active.authority }) };
  return { type: 'io.periplus.identity.authority-activated', data };
}

/** Connected proxies that are not known to hold the bundle. */
export function laggards(bundle: TrustBundle, holders: readonly BundleHolder[]): readonly string[] {
  return holders
    .filter((holder) => holder.bundle !== bundle.hash)
    .map(({ proxy }) => proxy)
    .sort();
}

const taken = (step: RotationStep, ...facts: BareFact[]): RotationDecision => ({ ok: true, step, facts });
const refused = (step: RotationStep, reason: string, waitingFor: readonly string[] = []): RotationDecision => ({
  ok: false,
  step,
  reason,
  waitingFor,
});
