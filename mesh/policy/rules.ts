// The one model of rules that Policies and Mixer's rules are read into; where each runs is decided by placement.ts.
import type { ConfigResource } from '../../events/model.ts';
import type { Expression } from './expression/expression.ts';
import type { QuotaCharge } from './quota-charges.ts';
import type { TemplateName } from './templates.ts';

/** An answer other than "pass". */
export interface Denial {
  /** google.rpc.Code. */
  readonly code: number;
  readonly httpStatus: number;
  /** For the caller; '' for none. */
  readonly message: string;
}

/** What a failing back end means for the request. */
export type OnFailure = 'allow' | 'deny';

/** A handler as configured. The same object while its resource is the same. */
export interface HandlerRef {
  /** `NAME.NAMESPACE`. */
  readonly name: string;
  readonly adapter: string;
  /** npm module of a third party's handler. */
  readonly module?: string;
  /** As they passed the adapter's schema. */
  readonly params: unknown;
  readonly onFailure: OnFailure;
  /** For one call, in ms. */
  readonly deadlineMs?: number;
}

/** Expressions of an instance's fields; a record stands for a MAP field or a nested message. */
export type FieldExpressions = { readonly [field: string]: Expression | FieldExpressions };

/** An instance as configured. */
export interface InstanceTemplate {
  /** `NAME.NAMESPACE`. */
  readonly name: string;
  readonly template: TemplateName;
  readonly fields: FieldExpressions;
}

/** One change of a header. REMOVE has no value; a value that is absent changes nothing. */
export interface HeaderOperation {
  /** Lower case. */
  readonly name: string;
  readonly operation: 'SET' | 'APPEND' | 'REMOVE';
  readonly value?: Expression;
  /** An empty value changes nothing either: so it is in Mixer's rules. */
  readonly omitEmpty?: true;
}

/** How entries of a list are compared. */
export type ListType = 'STRINGS' | 'CASE_INSENSITIVE_STRINGS' | 'IP_ADDRESSES' | 'REGEX';

/** What a rule does. */
export type Action =
  | { readonly kind: 'deny'; readonly denial: Denial }
  | {
      readonly kind: 'list';
      readonly value: Expression;
      readonly type: ListType;
      /** ALLOW: who is not listed (or has no value) is denied; DENY: who is listed is. */
      readonly mode: 'ALLOW' | 'DENY';
      readonly entries: readonly string[];
      readonly denial: Denial;
      /** Of a list of addresses: for a value that is none. Absent: such a value is not listed. */
      readonly noAddress?: Denial;
    }
  | { readonly kind: 'check'; readonly handler: HandlerRef; readonly instance: InstanceTemplate }
  | {
      readonly kind: 'quota';
      readonly handler: HandlerRef;
      readonly instance: InstanceTemplate;
      /** Which requests cost what. */
      readonly charges: readonly QuotaCharge[];
      /** Who may count instead of Mixer: proxies with leases, or each for itself. Absent: the limit is strict. */
      readonly mode?: 'leased' | 'per-proxy';
    }
  | {
      readonly kind: 'headers';
      readonly request: readonly HeaderOperation[];
      readonly response: readonly HeaderOperation[];
    }
  | { readonly kind: 'report'; readonly handlers: readonly HandlerRef[]; readonly instance: InstanceTemplate };

/** An action that charges. */
export type QuotaAction = Extract<Action, { readonly kind: 'quota' }>;

/** One rule: when it holds, one thing is done. */
export interface PolicyRule {
  /** Unique: `Policy/NAMESPACE/NAME[INDEX]`, `rule/NAMESPACE/NAME[INDEX]`. */
  readonly id: string;
  readonly resource: Pick<ConfigResource, 'kind' | 'namespace' | 'name'>;
  /** Labels of the workloads that it is for; empty: all. */
  readonly selector: Readonly<Record<string, string>>;
  /** Undefined: always. */
  readonly when: Expression | undefined;
  readonly action: Action;
}

/** A rule that can't be carried out, and why: it has no effect. */
export interface BrokenRule {
  readonly id: string;
  readonly problem: string;
}

/** All rules of a mesh. */
export interface PolicySet {
  /** In order of precedence: older resources first, then as written. */
  readonly rules: readonly PolicyRule[];
  readonly broken: readonly BrokenRule[];
}

/** HTTP statuses of google.rpc codes (github.com/googleapis/googleapis, google/rpc/code.proto). */
const httpStatuses: Readonly<Record<number, number>> = {
  ...{ 0: 200, 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429 },
  ...{ 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401 },
};

/** The HTTP status that says the same as a google.rpc code. */
export function httpStatusOf(code: number): number {
  return httpStatuses[code] ?? 500;
}

/** A google.rpc code for an HTTP status that refuses. */
export function rpcCodeOf(httpStatus: number): number {
  const found = Object.entries(httpStatuses).find(([, status]) => status === httpStatus);
  return found === undefined ? 7 : Number(found[0]);
}
