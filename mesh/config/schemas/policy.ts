// Policy (policy.periplus.io/v1): Mixer's rules in one plain resource. docs/guides/policy.md explains it.
import { matchLabelsSelectorSchema } from './destination.ts';
import { duration, list, map, object, oneOfNames, required, type Static, text, uint32, uint64 } from './schema.ts';

const onFailure = oneOfNames('ALLOW', 'DENY');

const deny = object({
  /** HTTP status of the answer, 403 by default. */
  status: uint32,
  message: text,
});
const listCheck = object({
  /** Expression. */
  value: required(text),
  type: oneOfNames('STRINGS', 'CASE_INSENSITIVE_STRINGS', 'IP_ADDRESSES', 'REGEX'),
  /** ALLOW: who is not listed is denied; DENY: who is listed is. */
  mode: oneOfNames('ALLOW', 'DENY'),
  entries: list(text),
  /** File or URL with one entry a line. */
  source: text,
  refresh: duration,
  onFailure,
});
const quota = object({
  limit: required(uint64),
  window: required(duration),
  algorithm: oneOfNames('FIXED_WINDOW', 'ROLLING_WINDOW'),
  /** STRICT: never admits more than `limit` in a window. LEASED: proxies get parts of it. PER_PROXY: each proxy admits `limit`. */
  mode: oneOfNames('STRICT', 'LEASED', 'PER_PROXY'),
  /** Expressions by dimension: each combination of values has a count of its own. */
  by: map(text),
  overrides: list(object({ by: required(map(text)), limit: required(uint64) })),
  /** What a request costs, 1 by default. */
  charge: uint32,
  onFailure,
});
const headerChanges = object({
  /** Expressions by header. */
  set: map(text),
  append: map(text),
  remove: list(text),
});
const report = object({
  /** Names of handlers, `NAME` or `NAME.NAMESPACE`. */
  handlers: required(list(text)),
  metric: object({ value: text, dimensions: map(text) }),
  log: object({ severity: text, variables: map(text) }),
});
const rule = object({
  name: text,
  /** Expression of type BOOL; absent: always. */
  when: text,
  deny,
  list: listCheck,
  quota,
  headers: object({ request: headerChanges, response: headerChanges }),
  report,
});
/** Schema of a Policy's spec. */
export const policySchema = object({ selector: matchLabelsSelectorSchema, rules: required(list(rule)) });

/** What holds for requests to the workloads that `selector` takes: all of the namespace by default, of the mesh in the root namespace. */
export interface PolicySpec extends Static<typeof policySchema> {}
/** One rule: `when` it holds, one thing is done. */
export interface PolicyRuleSpec extends Static<typeof rule> {}
/** Allow or deny by a list. */
export interface PolicyList extends Static<typeof listCheck> {}
/** A limit on how many requests pass. */
export interface PolicyQuota extends Static<typeof quota> {}
/** Changes of one message's headers. */
export interface PolicyHeaderChanges extends Static<typeof headerChanges> {}
/** What is reported where. */
export interface PolicyReport extends Static<typeof report> {}
