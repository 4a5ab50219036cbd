// Which way a value of an AuthorizationPolicy cuts, which decides how loosely it is matched.

/** What a policy does when one of its rules matches. */
export type PolicyAction = 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';

/**
 * `admit`: a match lets the request in, so it is compared as written. `refuse`: a match keeps it out (values of DENY and CUSTOM,
 * notValues of ALLOW), so every form that a server may take for the same thing counts: paths in other spellings, hosts with a port,
 * one of several values of a header. Where Istio compares to the letter in both cases, ours refuses more and never admits more.
 */
export type Polarity = 'admit' | 'refuse';

/** The polarity of `values`, or with `negated` of `notValues`, under an action. */
export function polarityOf(action: PolicyAction, negated: boolean): Polarity {
  return (action === 'DENY' || action === 'CUSTOM') === negated ? 'admit' : 'refuse';
}
