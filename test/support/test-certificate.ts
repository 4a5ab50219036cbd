// A self-signed certificate, its key and an empty revocation list, made on the spot: no key lies in the repository and none expires.
import { generateKeyPairSync, sign } from 'node:crypto';

/** Everything in PEM. */
export interface TestCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  readonly revocationList: string;
}

/** A P-256 certificate authority that is its own leaf, valid for a day (RFC 5280, sections 4.1 and 5.1). */
export function testCertificate(commonName: string): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(set(sequence(objectId(85, 4, 3), der(0x0c, Buffer.from(commonName)))));
  const times = [timeIn(-3600), timeIn(86_400)];
  const caExtensions = explicit(
    3,
    sequence(
      sequence(
        objectId(85, 29, 19),
        der(0x01, Buffer.from([0xff])),
        der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
      ),
    ),
  );
  const signed = (content: Buffer) =>
    sequence(content, ecdsaWithSha256, bits(sign('sha256', content, { key: privateKey, dsaEncoding: 'der' })));
  const certificate = sequence(
    explicit(0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    name,
    sequence(...times),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    caExtensions,
  );
  return {
    certificate: pem('CERTIFICATE', signed(certificate)),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    revocationList: pem('X509 CRL', signed(sequence(integer(1), ecdsaWithSha256, name, ...times))),
  };
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
const set = (...parts: readonly Buffer[]) => der(0x31, ...parts);
const explicit = (tag: number, part: Buffer) => der(0xa0 + tag, part);
const integer = (value: number) => der(0x02, Buffer.from([value]));
const bits = (value: Buffer) => der(0x03, Buffer.from([0]), value);
/** Already encoded numbers of an object identifier. */
const objectId = (...encoded: readonly number[]) => der(0x06, Buffer.from(encoded));
const ecdsaWithSha256 = sequence(objectId(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));

function timeIn(seconds: number): Buffer {
  const text = new Date(Date.now() + seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(text.slice(2)));
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
