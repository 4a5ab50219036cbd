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

/** What one eventlog handler of a Mixer counted in a stretch of time: sums, and never one request. No projection of the mesh reads it. */
export type RequestsAggregated = NewEvent<
  'io.periplus.policy.requests-aggregated',
  {
    /** `NAME.NAMESPACE` of the handler. */
    readonly handler: string;
    /** Name of the Mixer. */
    readonly mixer: string;
    /** RFC 3339. */
    readonly from: string;
    readonly to: string;
    readonly series: readonly {
      /** `NAME.NAMESPACE` of the metric instance. */
      readonly instance: string;
      readonly dimensions: Readonly<Record<string, string>>;
      readonly count: number;
      /** Of the instances' values. */
      readonly sum: number;
    }[];
    /** Instances in more combinations of dimensions than an event holds. */
    readonly others: number;
  }
>;

/** All facts about policies. */
export type PolicyFact = JwksFetched | CredentialObserved | RuleFailed | RequestsAggregated;

/** Subject of a rule's failures: `policy/rule/KIND/NAMESPACE/NAME[INDEX]`. */
export function ruleSubject(rule: string): string {
  return `policy/rule/${rule}`;
}

/** Subject of what a handler counted in a Mixer: `policy/aggregate/HANDLER/MIXER`. */
export function aggregateSubject(handler: string, mixer: string): string {
  return `policy/aggregate/${handler}/${mixer}`;
}

/** Subject of a key set's events: `policy/jwks/URI`. */
export function jwksSubject(uri: string): string {
  return `policy/jwks/${uri}`;
}
