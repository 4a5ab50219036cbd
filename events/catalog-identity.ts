// Catalog entries of what Citadel did (identity-facts.ts).
import type { CatalogOf } from './catalog-entry.ts';
import type { IdentityFact } from './identity-facts.ts';

const common = { group: 'identity', log: 'facts' } as const;
const ofAuthority = { ...common, subject: 'identity/authority/TRUSTDOMAIN' } as const;
const ofToken = { ...common, subject: 'identity/join-token/HASH' } as const;
const trustDomain = 'cluster.local';
const authority = '9f86d081884c7d659a2feaa0c55ad015';
const previous = '60303ae22b998861bce3b28f33eec1be';
const spiffeId = 'spiffe://cluster.local/ns/default/sa/reviews';
const peer = '10.0.0.7:51234';
const root = '-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n';
const tokenHash = '2c26b46b68ffc68ff99b453c1d304134';

/** See catalog.ts. */
export const identityEntries: CatalogOf<IdentityFact> = {
  'io.periplus.identity.authority-prepared': {
    ...ofAuthority,
    meaning: 'A CA has a key and a certificate; nobody trusts it yet.',
    data: 'trust domain, id of the CA, origin, its chain, its roots and when it ends',
    example: {
      trustDomain,
      authority,
      origin: 'self-signed',
      chain: [],
      roots: [root],
      notAfter: '2036-11-22T15:00:00.000Z',
    },
  },
  'io.periplus.identity.bundle-published': {
    ...ofAuthority,
    meaning: 'Verifiers are told to trust exactly these roots from now on.',
    data: 'trust domain, sequence, CAs, roots and their hash',
    example: { trustDomain, sequence: 2, authorities: [previous, authority], roots: [root], hash: '5feceb66ffc8' },
  },
  'io.periplus.identity.authority-activated': {
    ...ofAuthority,
    meaning: 'Certificates are signed by this CA from now on (key rotation, or the first start).',
    data: 'trust domain, id of the CA, and the one that signed before',
    example: { trustDomain, authority, previous },
  },
  'io.periplus.identity.authority-tainted': {
    ...ofAuthority,
    meaning: 'Certificates of this CA are to be replaced; it is still trusted meanwhile.',
    data: 'trust domain and id of the CA',
    example: { trustDomain, authority: previous },
  },
  'io.periplus.identity.authority-revoked': {
    ...ofAuthority,
    meaning: 'This CA is not trusted any more; its key is destroyed.',
    data: 'trust domain and id of the CA',
    example: { trustDomain, authority: previous },
  },
  'io.periplus.identity.certificate-issued': {
    ...common,
    subject: 'identity/SPIFFE-ID',
    meaning: 'A workload got an X.509-SVID.',
    data: 'SPIFFE ID, caller, evidence, serial, names, key hash, CA, trust bundle, life, and what was asked for in vain',
    example: {
      spiffeId,
      peer,
      evidence: { kind: 'jwt', details: { issuer: 'https://kubernetes.default.svc', subject: 'reviews' } },
      serial: '01c1d9f3a7b25e',
      subjectAltNames: [spiffeId],
      keyHash: 'ef2d127de37b942b',
      authority,
      bundle: '5feceb66ffc8',
      notBefore: '2026-11-22T14:59:00.000Z',
      notAfter: '2026-11-22T16:00:00.000Z',
      ignored: ['2.5.29.17'],
    },
  },
  'io.periplus.identity.jwt-key-published': {
    ...common,
    subject: 'identity/jwt/TRUSTDOMAIN',
    meaning: 'Tokens signed with this key are to be believed until its CA is revoked; each CA has one.',
    data: 'trust domain, id of the CA, key id, public key, and from when it signs',
    example: {
      trustDomain,
      authority,
      keyId: '3fdba35f04dc8c462986c992bcf87554',
      jwk: {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      },
      signsFrom: '2026-11-22T15:30:00.000Z',
    },
  },
  'io.periplus.identity.jwt-issued': {
    ...common,
    subject: 'identity/SPIFFE-ID',
    meaning: 'A workload, or a person in its name, got a JWT-SVID.',
    data: 'SPIFFE ID, audiences, key, id of the token, when it ends, caller and evidence; never the token',
    example: {
      spiffeId,
      audience: ['vault'],
      keyId: '3fdba35f04dc8c462986c992bcf87554',
      tokenId: 'q7Hk1Vd9sLtAf2Zb0Yw3nX',
      expiresAt: '2026-11-22T15:05:00.000Z',
      peer,
      evidence: { kind: 'x509', details: { serial: '01c1d9f3a7b25e' } },
    },
  },
  'io.periplus.identity.federated-bundle-updated': {
    ...common,
    subject: 'identity/federation/TRUSTDOMAIN',
    meaning: "Another mesh's trust bundle: its workloads are known by these roots from now on.",
    data: 'trust domain, where it was read, its sequence, roots and their hash',
    example: {
      trustDomain: 'partner.example',
      source: 'https://citadel.partner.example:8061/bundle',
      sequence: 7,
      roots: [root],
      hash: '5feceb66ffc8',
    },
  },
  'io.periplus.identity.federation-ended': {
    ...common,
    subject: 'identity/federation/TRUSTDOMAIN',
    meaning: 'This mesh is not federated with that trust domain any more: its workloads are strangers.',
    data: 'trust domain',
    example: { trustDomain: 'partner.example' },
  },
  'io.periplus.identity.identity-banned': {
    ...common,
    subject: 'identity/SPIFFE-ID',
    meaning:
      'This identity is refused everywhere from now on: no certificate, no token, no configuration, no connection.',
    data: 'SPIFFE ID and why',
    example: { spiffeId, reason: 'its node was broken into' },
  },
  'io.periplus.identity.identity-unbanned': {
    ...common,
    subject: 'identity/SPIFFE-ID',
    meaning: 'The ban of this identity is lifted.',
    data: 'SPIFFE ID and why',
    example: { spiffeId, reason: 'the node was replaced' },
  },
  'io.periplus.identity.certificate-denied': {
    ...common,
    subject: 'identity/SPIFFE-ID (or identity/unknown)',
    meaning: 'A request for a certificate was refused.',
    data: 'SPIFFE ID and evidence as far as known, caller, reason, and how many refusals before it were not recorded',
    example: { peer, reason: 'the token has expired', unrecorded: 0 },
  },
  'io.periplus.identity.join-token-created': {
    ...ofToken,
    meaning: 'Whoever shows this token may once get a certificate of this name.',
    data: "the token's hash, SPIFFE ID and when it ends",
    example: { tokenHash, spiffeId, expiresAt: '2026-11-22T15:10:00.000Z' },
  },
  'io.periplus.identity.join-token-consumed': {
    ...ofToken,
    meaning:
      'A join token was used and is worth nothing any more, but to the same key, whose answer may have got lost.',
    data: "the token's hash, SPIFFE ID, caller and the key's hash",
    example: { tokenHash, spiffeId, peer, keyHash: 'ef2d127de37b942b' },
  },
};
