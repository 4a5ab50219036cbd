// Validates a RequestAuthentication (istio.io/latest/docs/reference/config/security/request_authentication).
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
  if (!rule.issuer) place.at('issuer').error('is required: the iss claim of the tokens');
  for (const name of ['audiences', 'fromParams', 'fromCookies', 'spaceDelimitedClaims'] as const)
    forEachAt(rule[name], place.at(name), (value, at) => {
      if (value === '') at.error('expected text');
    });
  checkOneOf(rule, ['jwks', 'jwksUri'], place);
  if (rule.jwksUri !== undefined && !isHttpUrl(rule.jwksUri))
    place.at('jwksUri').error(`expected an http or https URL, found ${JSON.stringify(rule.jwksUri)}`);
  if (rule.jwks !== undefined && !isKeySet(rule.jwks))
    place.at('jwks').error('expected a JSON Web Key Set: {"keys": […]}');
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
  checkUnique(headers, (index) => place.at('outputClaimToHeaders', index, 'header'), 'header');
}

function isHttpUrl(text: string): boolean {
  return ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '');
}

function isKeySet(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
  } catch {
    return false;
  }
}
