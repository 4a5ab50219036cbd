// Certificate signing requests (PKCS #10, RFC 2986): made by agents, read by Citadel, which takes nothing but the key from them.
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromBER, Sequence } from 'asn1js';
import { type KeyPair, keyProblem, signingAlgorithm, spkiOf } from './keys.ts';
import {
  type Extension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  PublicKey,
  SubjectAlternativeNameExtension,
} from './library.ts';

/** What Citadel takes from a request. */
export interface CertificateRequest {
  readonly publicKey: KeyObject;
  /** Object identifiers of extensions that the request asked for and that are ignored; for the record. At most 20. */
  readonly ignored: readonly string[];
}

/** What became of reading one. */
export type CsrParse =
  | { readonly ok: true; readonly request: CertificateRequest }
  | { readonly ok: false; readonly reason: string };

/** An RSA-8192 request with a name is 4 KiB. */
const maxCsrBytes = 16 * 1024;
const pemPattern =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\s]+)-----END (NEW )?CERTIFICATE REQUEST-----\s*$/;
const hashes = new Set(['SHA-256', 'SHA-384', 'SHA-512']);

/** Reads one PEM request and checks its key and that whoever made it holds the private key. Never throws; `reason` quotes nothing. */
export async function parseCsr(pem: string): Promise<CsrParse> {
  if (pem.length > maxCsrBytes) return failed(`it is longer than ${maxCsrBytes} bytes`);
  const base64 = pemPattern.exec(pem)?.[2];
  if (base64 === undefined) return failed('it is not one PEM block "CERTIFICATE REQUEST"');
  try {
    const der = Buffer.from(base64, 'base64');
    if (!isWholeSequence(der)) return failed('it is not a well-formed PKCS #10 request');
    const csr = new Pkcs10CertificateRequest(der);
    const publicKey = createPublicKey({ key: Buffer.from(csr.publicKey.rawData), format: 'der', type: 'spki' });
    const problem = keyProblem(publicKey) ?? signatureProblem(csr, publicKey);
    return problem ? failed(problem) : { ok: true, request: { publicKey, ignored: requestedExtensions(csr) } };
  } catch {
    // Whatever a parser threw at hostile bytes: too deep, cut off, a point that is not on its curve.
    return failed('it is not a well-formed PKCS #10 request');
  }
}

/** Whether the bytes are one DER SEQUENCE and nothing after it, which the library would pass over. */
function isWholeSequence(der: Buffer): boolean {
  const [tag, first = 0] = der;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (tag !== 0x30 || octets > 2 || first === 0x80 || der.length < 2 + octets) return false;
  return der.length === 2 + octets + (octets === 0 ? first : der.readUIntBE(2, octets));
}

/** The part of WebCrypto's that matters; the library's types need the browser's. */
interface SignatureAlgorithm {
  readonly name?: string;
  readonly hash?: { readonly name?: string };
}

function signatureProblem(csr: Pkcs10CertificateRequest, publicKey: KeyObject): string | undefined {
  const { name, hash }: SignatureAlgorithm = Object(csr.signatureAlgorithm);
  if (!hashes.has(hash?.name ?? '')) return 'its signature does not use SHA-256, SHA-384 or SHA-512';
  if (name === 'ECDSA' ? publicKey.asymmetricKeyType !== 'ec' : name !== 'RSASSA-PKCS1-v1_5')
    return 'its signature algorithm does not fit its key';
  const signed = verify(hash?.name?.replace('-', ''), signedPart(csr), publicKey, Buffer.from(csr.signature));
  return signed ? undefined : 'it is not signed with its own key';
}

/** CertificationRequestInfo as it was sent (RFC 2986, 4.2). */
function signedPart({ rawData }: Pkcs10CertificateRequest): Uint8Array {
  const { result } = fromBER(rawData);
  const [info] = result instanceof Sequence ? result.valueBlock.value : [];
  return info?.valueBeforeDecodeView ?? new Uint8Array();
}

function requestedExtensions(csr: Pkcs10CertificateRequest): string[] {
  return [...new Set(csr.extensions.map(({ type }) => type))].sort().slice(0, 20);
}

const failed = (reason: string): CsrParse => ({ ok: false, reason });

/** Makes a request for `keys` in PEM. `uri` is only a hint for foreign CAs; Citadel does not read it. */
export async function createCsr(keys: KeyPair, options: { readonly uri?: string } = {}): Promise<string> {
  const extensions: Extension[] =
    options.uri === undefined ? [] : [new SubjectAlternativeNameExtension([{ type: 'url', value: options.uri }], true)];
  const algorithm = signingAlgorithm(keys.publicKey);
  const publicKey = await new PublicKey(spkiOf(keys.publicKey)).export(algorithm, ['verify']);
  const csr = await Pkcs10CertificateRequestGenerator.create({
    keys: { publicKey, privateKey: keys.privateKey },
    signingAlgorithm: algorithm,
    extensions,
  });
  return `${csr.toString('pem')}\n`;
}
