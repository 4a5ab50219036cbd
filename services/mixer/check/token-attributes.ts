// Attributes of the request's token: what Envoy's jwt_authn has checked and left in its metadata.
import type { Metadata } from '../../../gen/envoy/config/core/v3/base_pb.js';
import type { AttributeValue } from '../../../mesh/policy/attributes.ts';

/** Value of a `request.auth.…` attribute; undefined without a valid token. */
export function tokenAttribute(name: string, metadata: Metadata | undefined): AttributeValue | undefined {
  const payload = metadata?.filterMetadata['envoy.filters.http.jwt_authn']?.payload;
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  const { iss, sub, aud, azp } = payload;
  switch (name) {
    case 'request.auth.principal':
      return typeof iss === 'string' && typeof sub === 'string' ? `${iss}/${sub}` : undefined;
    case 'request.auth.audiences':
      return Array.isArray(aud) ? aud.filter((one) => typeof one === 'string').join(',') : textOf(aud);
    case 'request.auth.presenter':
      return textOf(azp);
    case 'request.auth.raw_claims':
      return JSON.stringify(payload);
    case 'request.auth.claims':
      // A map of texts: claims that are none are not in it.
      return Object.fromEntries(
        Object.entries(payload).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
      );
    default:
      return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
