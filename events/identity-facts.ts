// What Citadel did: CAs that came and went, trust bundles, certificates issued and denied, join tokens. Never a key, never a token.
import type { NewEvent } from './envelope.ts';

/** How a caller proved who it is, e.g. kind `jwt` with its issuer and subject; nothing in it lets anybody repeat the proof. */
export interface EvidenceRecord {
  readonly kind: string;
  readonly details: Readonly<Record<string, string>>;
}

/** A CA has a key and a certificate; nobody trusts it yet. */
export type AuthorityPrepared = NewEvent<
  'io.periplus.identity.authority-prepared',
  {
    readonly trustDomain: string;
    /** The start of the SHA-256, hex, of its public key (self-signed) or its certificate (plugged-in). */
    readonly authority: string;
    /** `self-signed`: made by Citadel; `plugged-in`: read from files that somebody else keeps. */
    readonly origin: 'self-signed' | 'plugged-in';
    /** PEM: the signing certificate, then intermediates up to its root, without the root. */
    readonly chain: readonly string[];
    /** PEM: what verifiers have to trust. */
    readonly roots: readonly string[];
    /** RFC 3339. */
    readonly notAfter: string;
  }
>;
/** From now on verifiers are told to trust exactly these roots. */
export type BundlePublished = NewEvent<
  'io.periplus.identity.bundle-published',
  {
    readonly trustDomain: string;
    /** 1, 2, 3, …: spiffe_sequence (SPIFFE Trust Domain and Bundle, 4.1.1). */
    readonly sequence: number;
    /** Authorities whose roots are in it. */
    readonly authorities: readonly string[];
    /** PEM. */
    readonly roots: readonly string[];
    /** SHA-256 of the roots joined, hex: what a proxy that holds it reports. */
    readonly hash: string;
  }
>;
/** Certificates are signed by this CA from now on: a key rotation, or the first start. */
export type AuthorityActivated = NewEvent<
  'io.periplus.identity.authority-activated',
  { readonly trustDomain: string; readonly authority: string; readonly previous?: string }
>;
/** Certificates of this CA are to be replaced; it is still trusted meanwhile. */
export type AuthorityTainted = NewEvent<
  'io.periplus.identity.authority-tainted',
  { readonly trustDomain: string; readonly authority: string }
>;
/** This CA is not trusted any more; its key is destroyed. */
export type AuthorityRevoked = NewEvent<
  'io.periplus.identity.authority-revoked',
  { readonly trustDomain: string; readonly authority: string }
>;
/** A workload got an X.509-SVID. */
export type CertificateIssued = NewEvent<
  'io.periplus.identity.certificate-issued',
  {
    readonly spiffeId: string;
    /** Address and port of the caller. */
    readonly peer: string;
    readonly evidence: EvidenceRecord;
    /** Hex. */
    readonly serial: string;
    readonly subjectAltNames: readonly string[];
    /** SHA-256 of the workload's public key, hex. */
    readonly keyHash: string;
    readonly authority: string;
    /** `hash` of the trust bundle that was handed out with it: what its owner trusts. */
    readonly bundle: string;
    /** RFC 3339. */
    readonly notBefore: string;
    /** RFC 3339. */
    readonly notAfter: string;
    /** Object identifiers of extensions that the request asked for and did not get. */
    readonly ignored: readonly string[];
  }
>;
/** Tokens signed with this key are to be believed from now on, until its CA is revoked: each CA has one. */
export type JwtKeyPublished = NewEvent<
  'io.periplus.identity.jwt-key-published',
  {
    readonly trustDomain: string;
    /** The CA that it belongs to: it comes and goes with it. */
    readonly authority: string;
    /** `kid`: the start of the SHA-256 of the public key, hex. */
    readonly keyId: string;
    /** The public key: an EC key in JWK form (RFC 7517). */
    readonly jwk: { readonly kty: string; readonly crv: string; readonly x: string; readonly y: string };
    /** RFC 3339: it signs from then on, where there is an older one: verifiers fetch keys now and then only. */
    readonly signsFrom: string;
  }
>;
/** A workload, or a person in its name, got a JWT-SVID. */
export type JwtIssued = NewEvent<
  'io.periplus.identity.jwt-issued',
  {
    readonly spiffeId: string;
    readonly audience: readonly string[];
    /** Key that signed it. */
    readonly keyId: string;
    /** `jti`. */
    readonly tokenId: string;
    /** RFC 3339. */
    readonly expiresAt: string;
    /** Address and port of the caller; absent: a person asked the admin API. */
    readonly peer?: string;
    readonly evidence: EvidenceRecord;
  }
>;
/** This identity is refused everywhere from now on. */
export type IdentityBanned = NewEvent<
  'io.periplus.identity.identity-banned',
  { readonly spiffeId: string; readonly reason: string }
>;
/** The ban of this identity is lifted. */
export type IdentityUnbanned = NewEvent<
  'io.periplus.identity.identity-unbanned',
  { readonly spiffeId: string; readonly reason: string }
>;
/** Another mesh's trust bundle, as it is now: its workloads are known by these roots. */
export type FederatedBundleUpdated = NewEvent<
  'io.periplus.identity.federated-bundle-updated',
  {
    readonly trustDomain: string;
    /** URL of its bundle endpoint, or the file that it was read from. */
    readonly source: string;
    /** `spiffe_sequence`; absent: it has none. */
    readonly sequence?: number;
    /** PEM. */
    readonly roots: readonly string[];
    /** SHA-256 of the roots joined, hex. */
    readonly hash: string;
  }
>;
/** This mesh is not federated with that trust domain any more. */
export type FederationEnded = NewEvent<'io.periplus.identity.federation-ended', { readonly trustDomain: string }>;
/** A request for a certificate was refused. */
export type CertificateDenied = NewEvent<
  'io.periplus.identity.certificate-denied',
  {
    /** Absent: nobody knows who asked. */
    readonly spiffeId?: string;
    readonly peer: string;
    readonly evidence?: EvidenceRecord;
    readonly reason: string;
    /** Refusals since the event before this one that are not in the log: it is not for outsiders to fill. */
    readonly unrecorded: number;
  }
>;
/** Whoever shows this token may once get a certificate of this name. */
export type JoinTokenCreated = NewEvent<
  'io.periplus.identity.join-token-created',
  {
    /** Hash of the token, hex: the token itself is known to its creator alone. */
    readonly tokenHash: string;
    readonly spiffeId: string;
    /** RFC 3339. */
    readonly expiresAt: string;
  }
>;
/** The token was used and is worth nothing any more, but to the same key, whose answer may have got lost. */
export type JoinTokenConsumed = NewEvent<
  'io.periplus.identity.join-token-consumed',
  {
    readonly tokenHash: string;
    readonly spiffeId: string;
    readonly peer: string;
    /** Of the signing request that it was used for; absent where it was for none, and in older events. */
    readonly keyHash?: string;
  }
>;

/** Steps in the life of a CA, and the bundles that follow from it. */
export type AuthorityFact =
  | AuthorityPrepared
  | BundlePublished
  | AuthorityActivated
  | AuthorityTainted
  | AuthorityRevoked;
/** Everything that Citadel writes. */
export type IdentityFact =
  | AuthorityFact
  | JwtKeyPublished
  | JwtIssued
  | FederatedBundleUpdated
  | FederationEnded
  | IdentityBanned
  | IdentityUnbanned
  | CertificateIssued
  | CertificateDenied
  | JoinTokenCreated
  | JoinTokenConsumed;

/** Subject of a workload's certificates: `identity/spiffe://…`. */
export function identitySubject(spiffeId: string): string {
  return `identity/${spiffeId}`;
}

/** Subject of everything about a trust domain's CAs and bundles. */
export function authoritySubject(trustDomain: string): string {
  return `identity/authority/${trustDomain}`;
}

/** Subject of a trust domain's keys for JWT-SVIDs. */
export function jwtKeysSubject(trustDomain: string): string {
  return `identity/jwt/${trustDomain}`;
}

/** Subject of the federation with a trust domain. */
export function federationSubject(trustDomain: string): string {
  return `identity/federation/${trustDomain}`;
}

/** Subject of a join token. */
export function joinTokenSubject(tokenHash: string): string {
  return `identity/join-token/${tokenHash}`;
}

/** Subject of refusals of callers that did not show who they are. */
export const unknownCallerSubject = 'identity/unknown';
