// Validates a RequestAuthentication (istio.io/latest/docs/reference/config/security/request_authentication).
import { isRecord } from '../check-schema.ts';
import type { JWTRule, RequestAuthenticationSpec } from '../schemas/request-authentication.ts';
import { checkTargets } from './labels.ts';
import { checkOneOf, forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkUnique } from './ports.ts';

/** See the file's first line. */
export const validateRequestAuthentication: SpecValidator<RequestAuthenticationSpec> = (spec, place) => {
  checkTargets(spec, place);
  forEachAt(spec.jwtRules, place.at('jwtRules'), checkRule);
};

function checkRule(rule: JWTRule, place: Place): void {
  if (!rule.issuer && !rule.jwksUri)
    place.at('issuer').error('is required (the iss claim of the tokens), or jwksUri, for tokens of any issuer');
  for (const name of ['audiences', 'fromParams', 'fromCookies', 'spaceDelimitedClaims'] as const)
    forEachAt(rule[name], place.at(name), (value, at) => {
      if (value === '') at.error('expected text');
    });
  checkOneOf(rule, ['jwks', 'jwksUri'], place);
  if (rule.jwksUri && !isHttpUrl(rule.jwksUri))
    place.at('jwksUri').error(`expected an http or https URL, found ${JSON.stringify(rule.jwksUri)}`);
  if (rule.jwks) checkKeySet(rule.jwks, place.at('jwks'));
  forEachAt(rule.fromHeaders, place.at('fromHeaders'), (header, at) => {
    if (header.name === '') at.at('name').error("expected a header's name");
  });
  forEachAt(rule.outputClaimToHeaders, place.at('outputClaimToHeaders'), (output, at) => {
    if (!/^[-_A-Za-z0-9]+$/.test(output.header))
      at.at('header').error(
        `expected letters, digits, - and _ as a header's name, found ${JSON.stringify(output.header)}`,
      );
    if (output.claim === '') at.at('claim').error("expected a claim's name");
  });
  const headers = (rule.outputClaimToHeaders ?? []).map((output) => output.header);
  checkUnique(headers, (index) => place.at('outputClaimToHeaders', index, 'header'), {
    what: 'header',
    warns: true,
  });
}

function isHttpUrl(text: string): boolean {
  return ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '');
}

/** Members that a public key of each type has (RFC 7518, section 6). */
const publicMembers: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
  ['OKP', ['crv', 'x']],
  ['oct', ['k']],
]);

/** A key set, or one key, as Istio reads them; a private key is a warning: it has no place in configuration. */
function checkKeySet(text: string, place: Place): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    place.error('expected a JSON Web Key Set: {"keys": […]}');
    return;
  }
  const keys: unknown = isRecord(value) && value.keys !== undefined ? value.keys : [value];
  if (!Array.isArray(keys)) {
    place.error('expected a JSON Web Key Set: {"keys": […]}');
    return;
  }
  for (const [index, key] of keys.entries()) {
    const members = isRecord(key) ? publicMembers.get(key.kty) : undefined;
    if (!isRecord(key) || members === undefined || members.some((name) => typeof key[name] !== 'string'))
      place.error(`key ${index} is no JSON Web Key: it needs kty (RSA, EC, OKP or oct) and the members of its type`);
    else if (key.d !== undefined || key.kty === 'oct')
      place.warn(`key ${index} holds a private key: only public keys are used, leave it out`);
  }
}
