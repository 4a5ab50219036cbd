// Reads another mesh's trust bundle: a SPIFFE bundle document, or PEM roots as people hand them over. Pure; trusts nothing in it.
import { X509Certificate } from 'node:crypto';

/** What a bundle says. */
export interface ForeignBundle {
  /** PEM; each a CA, at least one. */
  readonly roots: readonly string[];
  /** `spiffe_sequence`, if it has one. */
  readonly sequence?: number;
  /** `spiffe_refresh_hint`, seconds, if it has one. */
  readonly refreshSeconds?: number;
}

/** More roots than any rotation has: proxies are sent all of them. */
const maxRoots = 20;

/** The bundle in `text`, or why there is none (SPIFFE_Trust_Domain_and_Bundle.md, section 4.2; keys of unknown use are passed over). */
export function parseForeignBundle(text: string): ForeignBundle | string {
  if (text.trimStart().startsWith('-----BEGIN')) return ofRoots(pemBlocks(text));
  let document: Readonly<Record<string, unknown>>;
  try {
    document = Object(JSON.parse(text));
  } catch {
    return 'it is neither JSON nor PEM';
  }
  if (!Array.isArray(document.keys)) return 'it has no keys';
  const authorities = document.keys.map(Object).filter(({ use }) => use === 'x509-svid');
  const ders: string[] = [];
  for (const { x5c } of authorities) {
    if (!Array.isArray(x5c) || x5c.length !== 1 || typeof x5c[0] !== 'string')
      return 'an x509-svid key has not exactly one certificate in x5c';
    ders.push(x5c[0]);
  }
  const read = ofRoots(ders.map((der) => Buffer.from(der, 'base64')));
  if (typeof read === 'string') return read;
  const { spiffe_sequence: sequence, spiffe_refresh_hint: refreshSeconds } = document;
  return {
    ...read,
    ...(isCount(sequence) && { sequence }),
    ...(isCount(refreshSeconds) && { refreshSeconds }),
  };
}

function pemBlocks(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
}

function ofRoots(blocks: readonly (string | Buffer)[]): ForeignBundle | string {
  if (blocks.length === 0) return 'it has no authority for certificates';
  if (blocks.length > maxRoots) return `it has more than ${maxRoots} authorities`;
  try {
    const certificates = blocks.map((block) => new X509Certificate(block));
    if (certificates.some(({ ca }) => !ca)) return 'a certificate in it is no CA';
    return { roots: [...new Set(certificates.map(String))].sort() };
  } catch {
    return 'a certificate in it can not be read';
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
