// Validates an AuthorizationPolicy (istio.io/latest/docs/reference/config/security/authorization-policy and …/conditions).
import type { AuthorizationPolicySpec, Condition, Operation, Rule, Source } from '../schemas/authorization-policy.ts';
import { didYouMean } from '../suggest-name.ts';
import { isAddressOrCidr } from './hosts.ts';
import { checkTargets } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';

/** See the file's first line. */
export const validateAuthorizationPolicy: SpecValidator<AuthorizationPolicySpec> = (spec, place) => {
  checkTargets(spec, place);
  const { action = 'ALLOW', rules = [] } = spec;
  if (action === 'CUSTOM' && rules.length > 0 && !spec.provider?.name)
    place.at('provider', 'name').error('is required for action CUSTOM');
  if (action !== 'CUSTOM' && spec.provider) place.at('provider').error(`is for action CUSTOM, found ${action}`);
  if ((action === 'CUSTOM' || action === 'DENY') && rules.length === 0)
    place
      .at('rules')
      .error(`a ${action} policy without rules is never triggered; add an empty rule {} for every request`);
  forEachAt(rules, place.at('rules'), (rule, at) => {
    checkRule(rule, at);
    if (action === 'CUSTOM') checkCustomRule(rule, at);
    if (action === 'DENY') checkDenyRule(rule, at);
  });
};

function checkRule(rule: Rule, place: Place): void {
  if (rule.from?.length === 0) place.at('from').error('expected at least one source');
  forEachAt(rule.from, place.at('from'), (from, at) => checkSource(from.source, at.at('source')));
  if (rule.to?.length === 0) place.at('to').error('expected at least one operation');
  forEachAt(rule.to, place.at('to'), (to, at) => checkOperation(to.operation, at.at('operation')));
  forEachAt(rule.when, place.at('when'), checkCondition);
}

const identities = [
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
] as const;
const identityKeys = ['source.namespace', 'source.serviceAccount', 'source.trustDomain', 'source.principal'];

/** What an external authorizer decides on does not know who asks. */
function checkCustomRule(rule: Rule, place: Place): void {
  forEachAt(rule.from, place.at('from'), ({ source }, at) => {
    for (const name of identities)
      if (source?.[name]?.length) at.at('source', name).error('is not supported with action CUSTOM');
  });
  forEachAt(rule.when, place.at('when'), ({ key }, at) => {
    if (identityKeys.includes(key) || key.startsWith('request.auth.'))
      at.at('key').error(`${key} is not supported with action CUSTOM`);
  });
}

const tcpSources = [
  'principals',
  'notPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'ipBlocks',
  'notIpBlocks',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
] as const;

/** HTTP's attributes hold for all of TCP's traffic in a DENY policy. */
function checkDenyRule({ from = [], to = [] }: Rule, place: Place): void {
  const sources = from.flatMap(({ source }) => source ?? []);
  const operations = to.flatMap(({ operation }) => operation ?? []);
  const tcpFrom = sources.some((source) => tcpSources.some((name) => source[name] !== undefined));
  const tcpTo = operations.some(({ ports, notPorts }) => ports !== undefined || notPorts !== undefined);
  if ((sources.length > 0 && operations.length === 0 && !tcpFrom) || (operations.length > 0 && !tcpTo))
    place.warn(
      'configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP attributes in a DENY rule; it is recommended to explicitly specify the port',
    );
}

function checkSource(source: Source | undefined, place: Place): void {
  if (!checkLists(source ?? {}, place)) return;
  for (const name of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const)
    forEachAt(source?.[name], place.at(name), checkIpBlock);
  const accounts = source?.serviceAccounts || source?.notServiceAccounts;
  const others = source?.principals || source?.notPrincipals || source?.namespaces || source?.notNamespaces;
  if (accounts && others) place.error('serviceAccounts excludes principals and namespaces');
  for (const name of ['serviceAccounts', 'notServiceAccounts'] as const)
    checkServiceAccounts(source?.[name] ?? [], place.at(name));
  for (const name of ['trustDomains', 'notTrustDomains'] as const)
    forEachAt(source?.[name], place.at(name), checkTrustDomain);
}

function checkOperation(operation: Operation | undefined, place: Place): void {
  if (!checkLists(operation ?? {}, place)) return;
  for (const name of ['ports', 'notPorts'] as const) forEachAt(operation?.[name], place.at(name), checkPortText);
  for (const name of ['paths', 'notPaths'] as const) forEachAt(operation?.[name], place.at(name), checkPath);
}

/** At least one list with something in it, no empty text. */
function checkLists(message: Source | Operation, place: Place): boolean {
  const lists = Object.entries(message) as [string, readonly string[]][];
  const isEmpty = lists.every(([, values]) => values.length === 0);
  if (isEmpty) place.error('must have at least one field');
  for (const [name, values] of lists)
    forEachAt(values, place.at(name), (value, at) => {
      if (value === '') at.error('expected text');
    });
  return !isEmpty;
}

/** Istio's bounds. */
const maxServiceAccounts = 16;
const maxAccountLength = 320;

function checkServiceAccounts(accounts: readonly string[], place: Place): void {
  if (accounts.length > maxServiceAccounts) place.error(`has at most ${maxServiceAccounts} values`);
  forEachAt(accounts, place, (account, at) => {
    if (account === '') return;
    if (account.includes('*')) at.error('wildcards are not supported in service accounts');
    else if (account.length > maxAccountLength) at.error(`has at most ${maxAccountLength} characters`);
    else if (!/^[^/]+(?:\/[^/]+)?$/.test(account))
      at.error(`expected SERVICEACCOUNT or NAMESPACE/SERVICEACCOUNT, found ${JSON.stringify(account)}`);
  });
}

function checkTrustDomain(domain: string, place: Place): void {
  checkWildcard(domain, place);
  if (domain.includes('/')) place.error(`a trust domain has no /, found ${JSON.stringify(domain)}`);
}

function checkWildcard(value: string, place: Place): void {
  if (!/^\*?[^*]*$|^[^*]*\*$/.test(value))
    place.error(`* may stand once, at the start or the end, found ${JSON.stringify(value)}`);
}

function checkIpBlock(block: string, place: Place): void {
  if (!isAddressOrCidr(block))
    place.error(`expected an IP address or a range such as 10.0.0.0/8, found ${JSON.stringify(block)}`);
}

function checkPortText(port: string, place: Place): void {
  if (!/^\d{1,9}$/.test(port) || Number(port) > 65_535)
    place.error(`expected a port from 0 to 65535, found ${JSON.stringify(port)}`);
}

/** `{*}` stands for one path segment, `{**}` for any number, as the last operator; with them, other segments are plain. */
function checkPath(path: string, place: Place): void {
  const isTemplate = /\{\*{1,2}\}/.test(path);
  let isOver = false;
  for (const segment of path.replaceAll(/^\/+|\/+$/g, '').split('/')) {
    const isOperator = segment === '{*}' || segment === '{**}';
    if (isOperator && isOver) place.error('{**} must be the last operator');
    else if (!isOperator && /[{}]/.test(segment))
      place.error(`{ and } stand only in {*} and {**}, each a whole segment, found ${JSON.stringify(path)}`);
    else if (!isOperator && isTemplate && !/^[-a-zA-Z0-9._~%!$&'()+,;:@=]+$/.test(segment))
      place.error(`a template's other segments are plain text, found ${JSON.stringify(segment)}`);
    isOver ||= segment === '{**}';
  }
}

const keys = [
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'source.trustDomain',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
];
/** Followed by a name in brackets. */
const namedKey = /^(?:request\.headers|request\.auth\.claims|experimental\.envoy\.filters\.)[^[]*\[.+\]$/s;
/** Attributes of Istio's first policies, and what they are now. */
const formerKeys: ReadonlyMap<string, string> = new Map([
  ['destination.namespace', "the policy's own namespace"],
  ['destination.name', 'the selector'],
  ['destination.user', 'the selector'],
]);

function checkCondition(condition: Condition, place: Place): void {
  const { key, values = [], notValues = [] } = condition;
  const instead = key.startsWith('destination.labels') ? 'the selector' : formerKeys.get(key);
  if (key === '') place.at('key').error('is required');
  else if (instead !== undefined) place.at('key').error(`${key} is no more; it is replaced by ${instead}`);
  else if (!keys.includes(key) && !namedKey.test(key))
    place.at('key').error(`unknown attribute ${JSON.stringify(key)}${didYouMean(key, keys)}`);
  if (values.length === 0 && notValues.length === 0) place.error('one of values or notValues must be given');
  for (const [name, list] of [
    ['values', values],
    ['notValues', notValues],
  ] as const) {
    const at = place.at(name);
    if (key === 'source.serviceAccount') checkServiceAccounts(list, at);
    forEachAt(list, at, (value, one) => checkConditionValue(key, value, one));
  }
}

function checkConditionValue(key: string, value: string, place: Place): void {
  if (value === '') place.error('expected text');
  else if (key.endsWith('.ip')) checkIpBlock(value, place);
  else if (key === 'destination.port') checkPortText(value, place);
  else if (key === 'source.trustDomain') checkWildcard(value, place);
}
