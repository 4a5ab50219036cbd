// Encodes SVIDs with asn1js: what all of one issuer's have in common is encoded once. The X.509 library builds and reads again a tree of
// objects for each, which takes ten times as long (bench/README.md); a test holds both to the same bytes.
import { createHash } from 'node:crypto';
import {
  Boolean as Asn1Boolean,
  type BaseBlock,
  BitString,
  Constructed,
  fromBER,
  GeneralizedTime,
  Integer,
  Null,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
  UTCTime,
} from 'asn1js';
import { MeshError } from '../../../lib/mesh-error.ts';

/** What all SVIDs of one issuer have in common. */
export interface SvidTemplate {
  readonly isRsa: boolean;
  readonly signatureAlgorithm: Sequence;
  readonly issuerName: BaseBlock;
  readonly extensions: readonly BaseBlock[];
  readonly authorityKeyId: BaseBlock;
}

/** What differs in each. */
export interface SvidFields {
  /** Hex, positive. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
  readonly uri: string;
  readonly dnsNames: readonly string[];
}

/** RFC 5758, 3.2 and RFC 4055, 5: by WebCrypto's names of key and hash. */
const signatureAlgorithms: Readonly<Record<string, string>> = {
  'ECDSA SHA-256': '1.2.840.10045.4.3.2',
  'ECDSA SHA-384': '1.2.840.10045.4.3.3',
  'RSASSA-PKCS1-v1_5 SHA-256': '1.2.840.113549.1.1.11',
};
const oids = { subjectAltName: '2.5.29.17', subjectKeyIdentifier: '2.5.29.14' } as const;
/** GeneralName (RFC 5280, 4.2.1.6). */
const nameTags = { dns: 2, uri: 6 } as const;
/** From this year on years have four digits (RFC 5280, 4.1.2.5). */
const firstGeneralizedYear = 2050;

/** Makes the part that stays, of what the X.509 library encoded (DER). Throws MeshError `invalid` for an `algorithm` that is not known. */
export function svidTemplate(parts: {
  /** That the issuer's key signs with. */
  readonly algorithm: { readonly name: string; readonly hash: string };
  readonly issuerName: ArrayBuffer;
  readonly extensions: readonly ArrayBuffer[];
  readonly authorityKeyId: ArrayBuffer;
}): SvidTemplate {
  const { name, hash } = parts.algorithm;
  const value = signatureAlgorithms[`${name} ${hash}`];
  if (value === undefined) throw new MeshError('invalid', `certificates are not signed with ${name} and ${hash}`);
  const isRsa = !name.startsWith('EC');
  const oid = new ObjectIdentifier({ value });
  return {
    isRsa,
    // Parameters are NULL for RSA and absent for ECDSA.
    signatureAlgorithm: new Sequence({ value: isRsa ? [oid, new Null()] : [oid] }),
    issuerName: encoded(parts.issuerName),
    extensions: parts.extensions.map(encoded),
    authorityKeyId: encoded(parts.authorityKeyId),
  };
}

/** What is signed: TBSCertificate (RFC 5280, 4.1). The subject is empty, so the names are critical. */
export function tbsCertificate(template: SvidTemplate, fields: SvidFields): Sequence {
  const { serial, notBefore, notAfter, publicKey, uri, dnsNames } = fields;
  const key = fromBER(publicKey).result;
  const names = [general(nameTags.uri, uri), ...dnsNames.map((name) => general(nameTags.dns, name))];
  const extensions = [
    ...template.extensions,
    extension(oids.subjectAltName, new Sequence({ value: names }), true),
    extension(oids.subjectKeyIdentifier, new OctetString({ valueHex: keyIdentifier(key) })),
    template.authorityKeyId,
  ];
  return new Sequence({
    value: [
      explicit(0, new Integer({ value: 2 })), // v3
      new Integer({ valueHex: Buffer.from(serial, 'hex') }),
      template.signatureAlgorithm,
      template.issuerName,
      new Sequence({ value: [time(notBefore), time(notAfter)] }),
      new Sequence({ value: [] }),
      key,
      explicit(3, new Sequence({ value: extensions })),
    ],
  });
}

/** The certificate, PEM. `signature` is WebCrypto's. */
export function sealCertificate(template: SvidTemplate, tbs: Sequence, signature: ArrayBuffer): string {
  const valueHex = template.isRsa ? signature : ecdsaSignature(signature);
  const certificate = new Sequence({ value: [tbs, template.signatureAlgorithm, new BitString({ valueHex })] });
  const base64 = Buffer.from(certificate.toBER()).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** WebCrypto gives both numbers one after the other; certificates hold Ecdsa-Sig-Value (RFC 3279, 2.2.3). */
function ecdsaSignature(signature: ArrayBuffer): ArrayBuffer {
  const hex = Buffer.from(signature).toString('hex');
  const half = hex.length / 2;
  const number = (digits: string) => Integer.fromBigInt(BigInt(`0x${digits}`));
  return new Sequence({ value: [number(hex.slice(0, half)), number(hex.slice(half))] }).toBER();
}

/** SHA-1 of the key's bits, as the library makes it (RFC 5280, 4.2.1.2): it is a name, nothing stands on it. */
function keyIdentifier(subjectPublicKeyInfo: BaseBlock): Uint8Array {
  const bits = subjectPublicKeyInfo instanceof Sequence ? subjectPublicKeyInfo.valueBlock.value[1] : undefined;
  if (!(bits instanceof BitString)) throw new MeshError('invalid', 'the public key is no SubjectPublicKeyInfo');
  return createHash('sha1').update(bits.valueBlock.valueHexView).digest();
}

function extension(oid: string, content: BaseBlock, critical = false): Sequence {
  const value = new OctetString({ valueHex: content.toBER() });
  const flags = critical ? [new Asn1Boolean({ value: true })] : [];
  return new Sequence({ value: [new ObjectIdentifier({ value: oid }), ...flags, value] });
}

const general = (tagNumber: number, name: string) =>
  new Primitive({ idBlock: { tagClass: 3, tagNumber }, valueHex: Buffer.from(name, 'latin1') });

const explicit = (tagNumber: number, value: BaseBlock) =>
  new Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });

const time = (valueDate: Date) =>
  valueDate.getUTCFullYear() < firstGeneralizedYear ? new UTCTime({ valueDate }) : new GeneralizedTime({ valueDate });

/** An element that is written as it is, and not walked through again. */
function encoded(der: ArrayBuffer): BaseBlock {
  const { idBlock, valueBlock } = fromBER(der).result;
  const { tagClass, tagNumber, isConstructed } = idBlock;
  const element = new Primitive({ idBlock: { tagClass, tagNumber }, valueHex: valueBlock.valueBeforeDecodeView });
  element.idBlock.isConstructed = isConstructed;
  return element;
}
