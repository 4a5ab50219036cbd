// Reads certificates that others hand in: whose they are, when they end, which key they hold.
import { X509Certificate } from 'node:crypto';
import { MeshError } from '../../../lib/mesh-error.ts';
import { parseSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import { keyHash } from './keys.ts';

/** An X.509-SVID that was read. Its chain has been verified elsewhere. */
export interface Svid {
  readonly id: SpiffeId;
  readonly serial: string;
  readonly keyHash: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Reads a leaf; a text says why it is not an X.509-SVID (X509-SVID.md, section 5: exactly one URI SAN, no CA). */
export function readSvid(certificate: string | Buffer): Svid | string {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch {
    return 'it is not a certificate';
  }
  if (leaf.ca) return 'it is a CA certificate';
  // A comma, a quote or a second name can't be part of what the strict parser takes.
  const names = leaf.subjectAltName ?? '';
  if (!names.startsWith('URI:')) return 'its only name is not a URI';
  const parsed = parseSpiffeId(names.slice('URI:'.length));
  if (!parsed.ok) return `its name is not one SPIFFE ID: ${parsed.reason}`;
  return {
    id: parsed.id,
    serial: leaf.serialNumber.toLowerCase(),
    keyHash: keyHash(leaf.publicKey),
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  };
}

/** The PEM certificates in a text, in order. Throws MeshError `invalid` when there is anything that is not one, or none. */
export function splitCertificates(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new MeshError('invalid', 'there is no PEM certificate');
  return blocks.map((block) => {
    try {
      return new X509Certificate(block).toString();
    } catch {
      throw new MeshError('invalid', 'a PEM block is not a certificate');
    }
  });
}

/** Names a plugged-in CA in events: the start of the SHA-256 of its certificate, as its owner may renew it with the same key. */
export function certificateId(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase().slice(0, 32);
}
