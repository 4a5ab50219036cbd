// The folder that traffic cases' credentials are in: Secrets in YAML, and PEM files.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair, TestCertificates } from './certificates.ts';

/** What a credential holds, in PEM. */
export interface TestCredential {
  readonly namespace: string;
  readonly name: string;
  readonly pair?: KeyPair;
  readonly ca?: string;
  readonly revocations?: string;
}

/** Writes a Secret, or replaces it in one step, as `data` of base64. */
export function putCredential(folder: string, { namespace, name, pair, ca, revocations }: TestCredential): void {
  const entries = { 'tls.crt': pair?.certificate, 'tls.key': pair?.key, 'ca.crt': ca, 'ca.crl': revocations };
  const data = Object.entries(entries).flatMap(([key, text]) =>
    text === undefined ? [] : [[key, Buffer.from(text).toString('base64')]],
  );
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, data: Object.fromEntries(data) };
  const path = join(folder, `${namespace}-${name}.yaml`);
  writeFileSync(`${path}.new`, JSON.stringify(secret));
  renameSync(`${path}.new`, path);
}

/** Writes the credentials that cases find there. One is a folder of PEM files. */
export function writeCredentials(
  folder: string,
  certificates: TestCertificates & { readonly revocations: string },
): void {
  const { server, client, ca, otherCa, sidecarClient, revocations } = certificates;
  const namespace = 'istio-system';
  mkdirSync(join(folder, namespace, 'web-tls'), { recursive: true });
  writeFileSync(join(folder, namespace, 'web-tls', 'tls.crt'), server.certificate);
  writeFileSync(join(folder, namespace, 'web-tls', 'tls.key'), server.key);
  putCredential(folder, { namespace, name: 'mutual-tls', pair: server });
  putCredential(folder, { namespace, name: 'mutual-tls-cacert', ca });
  putCredential(folder, { namespace, name: 'whole-tls', pair: server, ca, revocations });
  putCredential(folder, { namespace, name: 'other-ca', ca: otherCa });
  putCredential(folder, { namespace, name: 'client-tls', pair: client, ca });
  putCredential(folder, { namespace: 'default', name: 'client-tls', pair: sidecarClient, ca });
}
