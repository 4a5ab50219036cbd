// RequestAuthentication (istio.io/latest/docs/reference/config/security/request_authentication): schema and types.
import { matchLabelsSelectorSchema, targetRefSchema } from './destination.ts';
import { duration, flag, list, object, required, type Static, text } from './schema.ts';

const jwtRule = object(
  {
    issuer: text,
    audiences: list(text),
    jwksUri: text,
    jwks: text,
    fromHeaders: list(object({ name: required(text), prefix: text })),
    fromParams: list(text),
    fromCookies: list(text),
    outputPayloadToHeader: text,
    forwardOriginalToken: flag,
    outputClaimToHeaders: list(object({ header: required(text), claim: required(text) })),
    timeout: duration,
    spaceDelimitedClaims: list(text),
  },
  { jwks_uri: 'jwksUri' },
);
/** Schema of a RequestAuthentication's spec. */
export const requestAuthenticationSchema = object({
  selector: matchLabelsSelectorSchema,
  targetRef: targetRefSchema,
  targetRefs: list(targetRefSchema),
  jwtRules: list(jwtRule),
});

/** Which JWTs are valid; a request without one passes. */
export interface RequestAuthenticationSpec extends Static<typeof requestAuthenticationSchema> {}
/** One issuer. */
export interface JWTRule extends Static<typeof jwtRule> {}
