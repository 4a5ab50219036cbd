// What Pilot found out about the world to carry out policies: key sets fetched for RequestAuthentications, credentials of gateways.
import type { CredentialObserved } from './credential-facts.ts';
import type { NewEvent } from './envelope.ts';

/** A key set as of one fetch. */
export interface FetchedKeySet {
  /** What was fetched: a `jwksUri`, or an issuer's OpenID configuration, which names it. */
  readonly uri: string;
  /** The JSON Web Key Set (RFC 7517); absent when fetching failed. Earlier keys then stay in use. */
  readonly jwks?: string;
  /** Why there is no `jwks`. */
  readonly problem?: string;
}

/** A key set was fetched and is new, or fetching it began to fail. Translation reads keys from here, so that a replay has the same. */
export type JwksFetched = NewEvent<'io.periplus.policy.jwks-fetched', FetchedKeySet>;

/** Evaluating a rule failed in a Mixer, for the first time since the rules changed. No projection of the mesh reads it. */
export type RuleFailed = NewEvent<
  'io.periplus.policy.rule-failed',
  {
    /** `Policy/NAMESPACE/NAME[INDEX]`. */
    readonly rule: string;
    /** Name of the Mixer. */
    readonly mixer: string;
    readonly problem: string;
  }
>;

/** All facts about policies. */
export type PolicyFact = JwksFetched | CredentialObserved | RuleFailed;

/** Subject of a rule's failures: `policy/rule/KIND/NAMESPACE/NAME[INDEX]`. */
export function ruleSubject(rule: string): string {
  return `policy/rule/${rule}`;
}

/** Subject of a key set's events: `policy/jwks/URI`. */
export function jwksSubject(uri: string): string {
  return `policy/jwks/${uri}`;
}
