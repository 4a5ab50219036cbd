// Which CAs a trust domain has and how far each has come, folded from the log.
import { createHash } from 'node:crypto';
import type { NewEvent } from '../../../events/envelope.ts';
import type { AuthorityPrepared, BundlePublished } from '../../../events/identity-facts.ts';

/**
 * prepared (has a key) → published (its roots are in the bundle) → active (signs) → superseded (another signs) → tainted (its
 * certificates are to be replaced) → revoked (its roots are in no bundle).
 */
export type AuthorityStatus = 'prepared' | 'published' | 'active' | 'superseded' | 'tainted' | 'revoked';

/** One CA. */
export type Authority = Readonly<AuthorityPrepared['data']> & { readonly status: AuthorityStatus };
/** What verifiers are told to trust. */
export type TrustBundle = BundlePublished['data'];

/** All CAs of one trust domain, oldest first. */
export interface AuthorityState {
  readonly authorities: readonly Authority[];
  /** Undefined before the first start. */
  readonly bundle: TrustBundle | undefined;
}

/** Before the first event. */
export const noAuthorities: AuthorityState = { authorities: [], bundle: undefined };

/** The state after one more event; events about anything else pass through. */
export function evolveAuthorities(state: AuthorityState, event: Pick<NewEvent, 'type' | 'data'>): AuthorityState {
  const data = Object(event.data);
  switch (event.type) {
    case 'io.periplus.identity.authority-prepared':
      return { ...state, authorities: [...state.authorities, { ...data, status: 'prepared' }] };
    case 'io.periplus.identity.bundle-published':
      return withStatus({ ...state, bundle: data }, (authority) =>
        authority.status === 'prepared' && data.authorities.includes(authority.authority) ? 'published' : undefined,
      );
    case 'io.periplus.identity.authority-activated':
      return withStatus(state, ({ authority, status }) => {
        if (authority === data.authority) return 'active';
        return status === 'active' ? 'superseded' : undefined;
      });
    case 'io.periplus.identity.authority-tainted':
      return withStatus(state, ({ authority }) => (authority === data.authority ? 'tainted' : undefined));
    case 'io.periplus.identity.authority-revoked':
      return withStatus(state, ({ authority }) => (authority === data.authority ? 'revoked' : undefined));
    default:
      return state;
  }
}

function withStatus(
  state: AuthorityState,
  statusOf: (authority: Authority) => AuthorityStatus | undefined,
): AuthorityState {
  const authorities = state.authorities.map((authority) => {
    const status = statusOf(authority);
    return status ? { ...authority, status } : authority;
  });
  return { ...state, authorities };
}

/** The CA that signs; undefined before the first start. */
export function activeAuthority(state: AuthorityState): Authority | undefined {
  return state.authorities.find(({ status }) => status === 'active');
}

/** The bundle with exactly the roots of `authorities`; equal roots once. */
export function bundleOf(
  trustDomain: string,
  authorities: readonly Pick<Authority, 'authority' | 'roots'>[],
  sequence: number,
): TrustBundle {
  const roots = [...new Set(authorities.flatMap((authority) => authority.roots))];
  return {
    trustDomain,
    sequence,
    authorities: authorities.map(({ authority }) => authority),
    roots,
    hash: createHash('sha256').update(roots.join('')).digest('hex'),
  };
}
