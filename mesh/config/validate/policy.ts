// Validates a Policy: one action a rule, expressions that compile, lists and quotas that can be carried out.
import { isIP } from 'node:net';
import { compilePattern } from '../../policy/expression/patterns.ts';
import { durationMs } from '../quantities.ts';
import type {
  PolicyHeaderChanges,
  PolicyList,
  PolicyQuota,
  PolicyReport,
  PolicyRuleSpec,
  PolicySpec,
} from '../schemas/policy.ts';
import { checkExpression } from './expression.ts';
import { isAddressOrCidr } from './hosts.ts';
import { checkMatchLabels } from './labels.ts';
import { checkOneOf, forEachAt, type Place, type SpecValidator } from './place.ts';

/** Most entries of a list that is written in a rule: each proxy gets them. Longer ones belong in a file or behind a URL. */
const maxEntries = 1_000;
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;
/** Headers that route a message or delimit it: Envoy forbids changing them here. */
const reservedHeaders: readonly string[] = [
  ':method',
  ':path',
  ':scheme',
  ':authority',
  'host',
  'content-length',
  'transfer-encoding',
];

/** See the file's first line. */
export const validatePolicy: SpecValidator<PolicySpec> = (spec, place) => {
  checkMatchLabels(spec.selector, place.at('selector'));
  if (spec.rules.length === 0) place.at('rules').warn('a Policy without rules does nothing');
  forEachAt(spec.rules, place.at('rules'), checkRule);
};

function checkRule(rule: PolicyRuleSpec, place: Place): void {
  checkOneOf(rule, ['deny', 'list', 'quota', 'headers', 'report'], place, { exactly: true });
  checkExpression(rule.when, place.at('when'), 'BOOL');
  const { deny, list, quota, headers, report } = rule;
  if (deny?.status !== undefined && (deny.status < 400 || deny.status > 599))
    place.at('deny', 'status').error(`expected an HTTP status from 400 to 599, found ${deny.status}`);
  if (list) checkList(list, place.at('list'));
  if (quota) checkQuota(quota, place.at('quota'));
  checkHeaders(headers?.request, place.at('headers', 'request'));
  checkHeaders(headers?.response, place.at('headers', 'response'));
  if (report) checkReport(report, place.at('report'));
}

function checkList(list: PolicyList, place: Place): void {
  const { type = 'STRINGS', entries = [], source } = list;
  checkExpression(
    list.value,
    place.at('value'),
    ...(type === 'IP_ADDRESSES' ? (['IP_ADDRESS', 'STRING'] as const) : (['STRING'] as const)),
  );
  if (entries.length === 0 && source === undefined) place.error('give entries, or a source to read them from');
  if (entries.length > maxEntries) place.at('entries').error(`at most ${maxEntries}; use a source for more`);
  if (source !== undefined) checkListSource(source, place.at('source'));
  if (list.refresh !== undefined) checkRefresh(list.refresh, place.at('refresh'));
  forEachAt(entries, place.at('entries'), (entry, at) => {
    checkListEntry(entry, type, at);
  });
}

/** Reports a source of a list that is neither a file nor a URL. */
export function checkListSource(source: string, place: Place): void {
  if (!source.startsWith('/') && (!/^(https?|file):\/\//.test(source) || !URL.canParse(source)))
    place.error('expected a file (/etc/list) or a URL (https://…)');
}

/** Reports an interval that would keep Mixer and the source busy. */
export function checkRefresh(interval: string, place: Place): void {
  if ((durationMs(interval) ?? 0) < 1_000) place.error('expected at least 1s');
}

/** Reports an entry that can't be compared as the list's type says. */
export function checkListEntry(entry: string, type: string, place: Place): void {
  if (type === 'IP_ADDRESSES' && !isAddressOrCidr(entry) && isIP(entry) === 0)
    place.error(`expected an IP address or a range such as 10.0.0.0/8, found ${JSON.stringify(entry)}`);
  if (type !== 'REGEX') return;
  const pattern = compilePattern(entry);
  if (typeof pattern === 'string') place.error(`is no regular expression of RE2: ${pattern}`);
}

function checkQuota(quota: PolicyQuota, place: Place): void {
  if (quota.limit < 1) place.at('limit').error('expected at least 1; use deny to refuse everything');
  if ((durationMs(quota.window) ?? 0) < 1_000) place.at('window').error('expected at least 1s');
  if (quota.mode === 'PER_PROXY' && Object.keys(quota.by ?? {}).length > 0)
    place.at('by').error('a proxy counts all its requests together: use mode STRICT to count by dimensions');
  for (const [name, text] of Object.entries(quota.by ?? {})) checkExpression(text, place.at('by', name));
  forEachAt(quota.overrides, place.at('overrides'), (override, at) => {
    for (const name of Object.keys(override.by))
      if (!Object.hasOwn(quota.by ?? {}, name)) at.at('by', name).error('is no dimension of this quota');
  });
}

function checkHeaders(changes: PolicyHeaderChanges | undefined, place: Place): void {
  for (const field of ['set', 'append'] as const) {
    for (const [name, text] of Object.entries(changes?.[field] ?? {})) {
      checkHeaderName(name, place.at(field, name));
      checkExpression(text, place.at(field, name), 'STRING');
    }
  }
  forEachAt(changes?.remove, place.at('remove'), checkHeaderName);
}

/** Reports a header that is none, or that may not be changed. */
export function checkHeaderName(name: string, place: Place): void {
  if (reservedHeaders.includes(name.toLowerCase())) place.error('this header may not be changed');
  else if (!headerName.test(name)) place.error(`${JSON.stringify(name)} is no header's name`);
}

function checkReport(report: PolicyReport, place: Place): void {
  checkOneOf(report, ['metric', 'log'], place, { exactly: true });
  if (report.handlers.length === 0) place.at('handlers').error('expected at least one handler');
  const { metric, log } = report;
  checkExpression(metric?.value, place.at('metric', 'value'), 'INT64', 'DOUBLE', 'DURATION');
  for (const [name, text] of Object.entries(metric?.dimensions ?? {}))
    checkExpression(text, place.at('metric', 'dimensions', name));
  checkExpression(log?.severity, place.at('log', 'severity'), 'STRING');
  for (const [name, text] of Object.entries(log?.variables ?? {}))
    checkExpression(text, place.at('log', 'variables', name));
}
