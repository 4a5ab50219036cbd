// Which keys sign JWT-SVIDs and which are believed, folded from the log: each CA of the trust domain has one. Pure.
import type { NewEvent } from '../../../events/envelope.ts';
import type { JwtKeyPublished } from '../../../events/identity-facts.ts';
import { type AuthorityState, type AuthorityStatus, evolveAuthorities, noAuthorities } from '../ca/authority-state.ts';

/** One key. */
export type JwtKey = JwtKeyPublished['data'];

/** The CAs of a trust domain and their keys for tokens, oldest first. */
export interface JwtKeyState {
  readonly authorities: AuthorityState;
  readonly keys: readonly JwtKey[];
}

/** Before the first event. */
export const noJwtKeys: JwtKeyState = { authorities: noAuthorities, keys: [] };

/** Types that `evolveJwtKeys` looks at. */
export const jwtKeyEventTypes: readonly string[] = [
  'authority-prepared',
  'bundle-published',
  'authority-activated',
  'authority-tainted',
  'authority-revoked',
  'jwt-key-published',
].map((name) => `io.periplus.identity.${name}`);

/** The state after one more event of this trust domain. */
export function evolveJwtKeys(state: JwtKeyState, event: Pick<NewEvent, 'type' | 'data'>): JwtKeyState {
  if (event.type === 'io.periplus.identity.jwt-key-published')
    return { ...state, keys: [...state.keys, event.data as unknown as JwtKey] };
  const authorities = evolveAuthorities(state.authorities, event);
  return authorities === state.authorities ? state : { ...state, authorities };
}

const statusOf = ({ authorities }: JwtKeyState, { authority }: JwtKey): AuthorityStatus | undefined =>
  authorities.authorities.find((known) => known.authority === authority)?.status;

/** Keys that verifiers are to believe: those of CAs that are not revoked. */
export function believedKeys(state: JwtKeyState): readonly JwtKey[] {
  return state.keys.filter((key) => {
    const status = statusOf(state, key);
    return status !== undefined && status !== 'revoked';
  });
}

/** CAs that need a key: those that sign or are going to. */
export function authoritiesWithoutKey(state: JwtKeyState): readonly string[] {
  const coming: readonly AuthorityStatus[] = ['prepared', 'published', 'active'];
  return state.authorities.authorities
    .filter(
      ({ status, authority }) => coming.includes(status) && !state.keys.some((key) => key.authority === authority),
    )
    .map(({ authority }) => authority);
}

/**
 * Keys to sign with, best first: the active CA's, but not before verifiers had time to fetch it as long as there is the key of the
 * one before it. A tainted CA's key never signs.
 */
export function signingKeys(state: JwtKeyState, nowMs: number): readonly JwtKey[] {
  const of = (status: AuthorityStatus) => state.keys.filter((key) => statusOf(state, key) === status).reverse();
  const [active, superseded] = [of('active'), of('superseded')];
  const settled = active.filter(({ signsFrom }) => Date.parse(signsFrom) <= nowMs);
  return [...settled, ...superseded, ...active];
}
