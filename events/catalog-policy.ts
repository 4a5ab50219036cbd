// Catalog entries of policy-facts.ts.
import type { CatalogOf } from './catalog-entry.ts';
import type { PolicyFact } from './policy-facts.ts';

/** See catalog.ts. */
export const policyEntries: CatalogOf<PolicyFact> = {
  'io.periplus.policy.jwks-fetched': {
    group: 'policy',
    log: 'facts',
    subject: 'policy/jwks/URI',
    meaning:
      'The key set behind a jwksUri is new, or fetching it began to fail: translation uses the last one that was fetched.',
    data: 'the URI and the key set (JSON Web Key Set), or what went wrong',
    example: {
      uri: 'https://issuer.example/keys',
      jwks: '{"keys":[{"kty":"EC","crv":"P-256","x":"aZrFxwaCWwzELgWHFUtiOlt9YM4IoVlTKgp4FeRmaSY","y":"1ek7IraHF3Eh2pfR6I8ZX63PJBO6noaJSEcuh6mHaWY"}]}',
    },
  },
};
