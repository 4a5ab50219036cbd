// Validates an AuthorizationPolicy (istio.io/latest/docs/reference/config/security/authorization-policy and …/conditions).
import type { AuthorizationPolicySpec, Condition, Operation, Rule, Source } from '../schemas/authorization-policy.ts';
import { didYouMean } from '../suggest-name.ts';
import { isAddressOrCidr } from './hosts.ts';
import { checkTargets } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort } from './ports.ts';

/** See the file's first line. */
export const validateAuthorizationPolicy: SpecValidator<AuthorizationPolicySpec> = (spec, place) => {
  checkTargets(spec, place);
  const isCustom = spec.action === 'CUSTOM';
  if (isCustom && !spec.provider?.name) place.at('provider', 'name').error('is required for action CUSTOM');
  if (!isCustom && spec.provider) place.at('provider').error(`is for action CUSTOM, found ${spec.action ?? 'ALLOW'}`);
  if (isCustom && spec.rules === undefined) place.at('rules').error('is required for action CUSTOM');
  if (spec.action === 'DENY' && !spec.rules?.length)
    place.at('rules').warn('a DENY policy without rules denies nothing');
  forEachAt(spec.rules, place.at('rules'), checkRule);
};

function checkRule(rule: Rule, place: Place): void {
  if (rule.from?.length === 0) place.at('from').error('expected at least one source');
  forEachAt(rule.from, place.at('from'), (from, at) => checkSource(from.source, at.at('source')));
  if (rule.to?.length === 0) place.at('to').error('expected at least one operation');
  forEachAt(rule.to, place.at('to'), (to, at) => checkOperation(to.operation, at.at('operation')));
  forEachAt(rule.when, place.at('when'), checkCondition);
}

function checkSource(source: Source | undefined, place: Place): void {
  if (!checkLists(source ?? {}, place)) return;
  for (const name of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const)
    forEachAt(source?.[name], place.at(name), checkIpBlock);
  const accounts = source?.serviceAccounts || source?.notServiceAccounts;
  const others = source?.principals || source?.notPrincipals || source?.namespaces || source?.notNamespaces;
  if (accounts && others) place.error('serviceAccounts excludes principals and namespaces');
}

function checkOperation(operation: Operation | undefined, place: Place): void {
  if (!checkLists(operation ?? {}, place)) return;
  for (const name of ['ports', 'notPorts'] as const) forEachAt(operation?.[name], place.at(name), checkPortText);
  for (const name of ['paths', 'notPaths'] as const) forEachAt(operation?.[name], place.at(name), checkPath);
}

/** At least one list, none of them empty, no empty text. */
function checkLists(message: Source | Operation, place: Place): boolean {
  const lists = Object.entries(message) as [string, readonly string[]][];
  if (lists.length === 0) place.error('must have at least one field');
  for (const [name, values] of lists) {
    if (values.length === 0) place.at(name).error('expected at least one value');
    forEachAt(values, place.at(name), (value, at) => {
      if (value === '') at.error('expected text');
    });
  }
  return lists.length > 0;
}

function checkIpBlock(block: string, place: Place): void {
  if (!isAddressOrCidr(block))
    place.error(`expected an IP address or a range such as 10.0.0.0/8, found ${JSON.stringify(block)}`);
}

function checkPortText(port: string, place: Place): void {
  checkPort(/^\d{1,5}$/.test(port) ? Number(port) : Number.NaN, place);
}

/** `{*}` stands for one path segment, `{**}` for any number; with them `*` means nothing else. */
function checkPath(path: string, place: Place): void {
  if (!/\{\*{1,2}\}/.test(path)) return;
  const rest = path.replaceAll(/\{\*{1,2}\}/g, '');
  if (rest.includes('*') || /[{}]/.test(rest))
    place.error(`a template takes {*} and {**} only, each as a whole segment, found ${JSON.stringify(path)}`);
  else if (path.split('/').some((segment) => segment.includes('{') && !/^\{\*{1,2}\}$/.test(segment)))
    place.error('{*} and {**} must each be a whole segment');
  else if (path.split('{**}').length > 2) place.error('{**} may stand only once');
  else if (path.indexOf('{*}', path.indexOf('{**}') + 1) > path.indexOf('{**}') && path.includes('{**}'))
    place.error('{**} must be the last operator');
}

const keys = [
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
];
const keysWithName = /^(request\.headers|request\.auth\.claims)(\[[^[\]]+\])+$|^experimental\.envoy\.filters\./;

function checkCondition(condition: Condition, place: Place): void {
  const { key, values = [], notValues = [] } = condition;
  if (!keys.includes(key) && !keysWithName.test(key))
    place.at('key').error(`unknown attribute ${JSON.stringify(key)}${didYouMean(key, keys)}`);
  if (values.length === 0 && notValues.length === 0) place.error('one of values or notValues must be given');
  for (const name of ['values', 'notValues'] as const)
    forEachAt(condition[name], place.at(name), (value, at) => {
      if (value === '') at.error('expected text');
      else if (key.endsWith('.ip')) checkIpBlock(value, at);
      else if (key === 'destination.port') checkPortText(value, at);
    });
}
