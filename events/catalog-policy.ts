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
  'io.periplus.policy.credential-observed': {
    group: 'policy',
    log: 'facts',
    subject: 'policy/credential/NAMESPACE/NAME',
    meaning:
      'A credential that a Gateway or DestinationRule names is new, changed or gone. Its key is never in the log: a replay knows which version was served.',
    data: "fingerprints and expiry of its certificates, a digest of what proxies are sent, or why it can't be used",
    example: {
      namespace: 'istio-system',
      name: 'web-tls',
      certificate: {
        fingerprint: '5f8b5e0c1b0d4c3f0c9b8a5d7e6f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f',
        notAfter: '2027-02-20T12:00:00.000Z',
      },
      digest: '0d7c3f1a9b8e5d4c2f6a7b1e0c9d8f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e',
    },
  },
  'io.periplus.policy.rule-failed': {
    group: 'policy',
    log: 'facts',
    subject: 'policy/rule/KIND/NAMESPACE/NAME[INDEX]',
    meaning:
      'Evaluating a policy rule failed in a Mixer, for the first time since the rules changed; the others go on.',
    data: 'the rule, the Mixer and what went wrong',
    example: { rule: 'Policy/default/limits[0]', mixer: 'mixer-host', problem: 'Maximum call stack size exceeded' },
  },
  'io.periplus.policy.requests-aggregated': {
    group: 'policy',
    log: 'facts',
    subject: 'policy/aggregate/HANDLER/MIXER',
    meaning:
      'What an eventlog handler counted in a Mixer over a stretch of time: sums of requests, never a single one.',
    data: 'the handler, the Mixer, the time, and for each combination of dimensions how many and their sum',
    example: {
      handler: 'audit.istio-system',
      mixer: 'mixer-host',
      from: '2026-11-22T12:00:00.000Z',
      to: '2026-11-22T12:01:00.000Z',
      series: [{ instance: 'refused.istio-system', dimensions: { code: '403' }, count: 12, sum: 12 }],
      others: 0,
    },
  },
};
