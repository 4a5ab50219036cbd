// Certificates for traffic tests, made on the spot: no key lies in the repository and none expires.
import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { writeCredentials } from './credentials.ts';

/** A certificate and its key, in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that issues leaves. */
export interface TestAuthority {
  /** PEM. */
  readonly certificate: string;
  /** A leaf for server and client authentication, valid for an hour. `names`: DNS names, or URIs where there is a `://`. */
  issue(commonName: string, names: readonly string[]): Promise<KeyPair & { readonly serial: string }>;
  /** PEM of a list that revokes these serial numbers. */
  revoke(serials: readonly string[]): Promise<string>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hourMs = 3_600_000;
x509.cryptoProvider.set(webcrypto as never);

/** Makes an authority. */
export async function makeAuthority(commonName: string): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const validity = { notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + hourMs) };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${commonName}`,
    keys: keys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  let issued = 1;
  const issue: TestAuthority['issue'] = async (name, names) => {
    const leaf = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const serial = (++issued).toString(16).padStart(2, '0');
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: `CN=${name}`,
      issuer: root.subject,
      publicKey: leaf.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      ...validity,
      extensions: [
        // Envoy's SPIFFE validator takes no leaf without it (X509-SVID.md, 4.3).
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: value.includes('://') ? ('url' as const) : ('dns' as const), value })),
        ),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.privateKey));
    return { certificate: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY'), serial };
  };
  const revoke: TestAuthority['revoke'] = async (serials) => {
    const list = await x509.X509CrlGenerator.create({
      issuer: root.subject,
      thisUpdate: validity.notBefore,
      nextUpdate: validity.notAfter,
      // A reason, because BoringSSL refuses the empty list of extensions that entries without one are given.
      entries: serials.map((serialNumber) => ({
        serialNumber,
        revocationDate: validity.notBefore,
        reason: x509.X509CrlReason.keyCompromise,
      })),
      signingAlgorithm: algorithm,
      signingKey: keys.privateKey,
    });
    // OpenSSL and BoringSSL know it by this label only.
    return x509.PemConverter.encode(list.rawData, 'X509 CRL');
  };
  return { certificate: root.toString('pem'), issue, revoke };
}

/** Paths of the files that resources name, and what is in them. */
export interface CertificateFiles {
  readonly ca: string;
  readonly otherCa: string;
  readonly server: string;
  readonly serverKey: string;
  readonly client: string;
  readonly clientKey: string;
  readonly revocations: string;
  /** List of the same authority that has the servers' certificate. */
  readonly serverRevocations: string;
  /** Folder of Secrets and PEM files that Pilot reads credentials from. */
  readonly credentials: string;
}

/** Everything that TLS cases need. */
export interface TestCertificates {
  readonly files: CertificateFiles;
  readonly ca: string;
  readonly otherCa: string;
  /** Of `ca`. */
  readonly authority: TestAuthority;
  /** For `*.example.com`, `localhost` and `*.default.svc.cluster.local`. */
  readonly server: KeyPair;
  readonly client: KeyPair;
  /** In the credential `client-tls` of the client's namespace. */
  readonly sidecarClient: KeyPair;
  /** Of the same authority as `client`, for another name. */
  readonly otherClient: KeyPair;
  /** Named in `files.revocations`. */
  readonly revokedClient: KeyPair;
  /** Of another authority, in `files.otherCa`. */
  readonly strangeClient: KeyPair;
}

/** Where the files will be in `folder`; they need not exist yet. */
export function certificateFiles(folder: string): CertificateFiles {
  const at = (name: string) => join(folder, name);
  return {
    ca: at('ca.pem'),
    otherCa: at('other-ca.pem'),
    server: at('server.pem'),
    serverKey: at('server-key.pem'),
    client: at('client.pem'),
    clientKey: at('client-key.pem'),
    revocations: at('revocations.pem'),
    serverRevocations: at('server-revocations.pem'),
    credentials: at('credentials'),
  };
}

/** Makes them and writes the files into `folder`. */
export async function makeCertificates(folder: string): Promise<TestCertificates> {
  const [authority, other] = await Promise.all([makeAuthority('traffic test CA'), makeAuthority('another CA')]);
  const serverNames = [
    '*.example.com',
    'localhost',
    '*.default.svc.cluster.local',
    'spiffe://cluster.local/ns/default/sa/echo',
  ];
  const server = await authority.issue('echo server', serverNames);
  const client = await authority.issue('test client', ['client.example.com']);
  const sidecarClient = await authority.issue('sidecar client', ['client.example.com']);
  const otherClient = await authority.issue('other client', ['other.example.org']);
  const revokedClient = await authority.issue('revoked client', ['client.example.com']);
  const strangeClient = await other.issue('strange client', ['client.example.com']);
  const files = certificateFiles(folder);
  writeFileSync(files.ca, authority.certificate);
  writeFileSync(files.otherCa, other.certificate);
  writeFileSync(files.server, server.certificate);
  writeFileSync(files.serverKey, server.key);
  writeFileSync(files.client, client.certificate);
  writeFileSync(files.clientKey, client.key);
  const revocations = await authority.revoke([revokedClient.serial]);
  writeFileSync(files.revocations, revocations);
  writeFileSync(files.serverRevocations, await authority.revoke([server.serial]));
  const [ca, otherCa] = [authority.certificate, other.certificate];
  const all = {
    files,
    ca,
    otherCa,
    authority,
    server,
    client,
    sidecarClient,
    otherClient,
    revokedClient,
    strangeClient,
  };
  writeCredentials(files.credentials, { ...all, revocations });
  return all;
}
