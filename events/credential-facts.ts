// What Pilot saw of the credentials that gateways name: enough to know which version was served, never the material itself.
import type { NewEvent } from './envelope.ts';

/** A credential as of one look at its source: a Kubernetes Secret, or a folder of PEM files. Public parts only. */
export interface ObservedCredential {
  readonly namespace: string;
  readonly name: string;
  /** What a server or client shows; absent: the credential has none that can be used. */
  readonly certificate?: CertificateRecord;
  /** What peers are checked against; absent: it has none. */
  readonly authorities?: { readonly certificates: readonly CertificateRecord[] };
  /** SHA-256, hex, over every public byte that proxies are sent: chain, authorities, revocations. Absent: nothing can be sent. */
  readonly digest?: string;
  /** Why there is nothing, or not all of it. */
  readonly problem?: string;
}

/** One certificate, by what everybody may know of it. */
export interface CertificateRecord {
  /** SHA-256 of its DER, hex. */
  readonly fingerprint: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

/** A credential that a proxy's Gateway or DestinationRule names is new, changed or gone. Translation takes its version from here. */
export type CredentialObserved = NewEvent<'io.periplus.policy.credential-observed', ObservedCredential>;

/** Subject of a credential's events: `policy/credential/NAMESPACE/NAME`. */
export function credentialSubject({ namespace, name }: Pick<ObservedCredential, 'namespace' | 'name'>): string {
  return `policy/credential/${namespace}/${name}`;
}
