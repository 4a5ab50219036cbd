// A CA that somebody else keeps in files, with the names of Istio's `cacerts` secret (istio.io, "Plug in CA Certificates").
import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuthorityPrepared } from '../../../events/identity-facts.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { certificateId, splitCertificates } from '../x509/inspect.ts';
import { caProblem } from '../x509/issue.ts';
import { type KeyPair, keyPairOf } from '../x509/keys.ts';

/** A CA read from files. */
export interface PluggedInCa {
  readonly authority: AuthorityPrepared['data'];
  readonly keys: KeyPair;
  /** Of all files together: equal means nothing changed. */
  readonly contentHash: string;
}

/** The signing certificate and its key, the root(s), and the chain from the signing certificate to a root. */
const files = {
  certificate: 'ca-cert.pem',
  key: 'ca-key.pem',
  roots: 'root-cert.pem',
  chain: 'cert-chain.pem',
} as const;

/**
 * Reads and checks the CA in a folder; undefined when it was read before with `knownHash`. Throws MeshError `invalid` naming the file
 * that is missing or does not fit the others, never what is in it.
 */
export async function loadPluggedIn(options: {
  readonly folder: string;
  readonly trustDomain: string;
  readonly nowMs: number;
  readonly knownHash?: string;
}): Promise<PluggedInCa | undefined> {
  const { folder, trustDomain, nowMs } = options;
  // One after the other: of several files that are missing always the same is named.
  const certificateText = await readPart(folder, files.certificate);
  const keyText = await readPart(folder, files.key);
  const rootsText = await readPart(folder, files.roots);
  const chainText = await readPart(folder, files.chain).catch(() => '');
  const contentHash = createHash('sha256')
    .update([certificateText, keyText, rootsText, chainText].join('\0'))
    .digest('hex');
  if (contentHash === options.knownHash) return undefined;
  const certificate = onePem(folder, files.certificate, certificateText);
  const roots = named(folder, files.roots, () => splitCertificates(rootsText));
  const rest = chainText.trim() === '' ? [] : named(folder, files.chain, () => splitCertificates(chainText));
  const chain = chainToRoot([certificate, ...rest], roots);
  if (!chain) throw wrong(folder, files.chain, 'the certificates do not lead from ca-cert.pem to a root');
  const keys = named(folder, files.key, () => keyPairOf(keyText));
  const leaf = new X509Certificate(certificate);
  if (!leaf.publicKey.equals(keys.publicKey)) throw wrong(folder, files.key, 'is not the key of ca-cert.pem');
  if (leaf.validToDate.getTime() <= nowMs) throw wrong(folder, files.certificate, 'has expired');
  const notAfter = leaf.validToDate.toISOString();
  const authority = certificateId(certificate);
  return {
    authority: { trustDomain, authority, origin: 'plugged-in', chain, roots, notAfter },
    keys,
    contentHash,
  };
}

/** The certificates from the first up to the one that a root signed, roots left out; undefined when there is a gap. */
function chainToRoot(certificates: readonly string[], roots: readonly string[]): string[] | undefined {
  const chain: string[] = [];
  for (const certificate of certificates) {
    if (chain.includes(certificate)) continue;
    const last = chain.at(-1);
    if (roots.includes(certificate)) return chain.length === 0 ? [certificate] : signedByOne(last, roots) && chain;
    if (last !== undefined && caProblem(last, certificate)) return undefined;
    chain.push(certificate);
    if (signedByOne(certificate, roots)) return chain;
  }
  return undefined;
}

function signedByOne(certificate: string | undefined, roots: readonly string[]): true | undefined {
  return certificate !== undefined && roots.some((root) => caProblem(certificate, root) === undefined)
    ? true
    : undefined;
}

async function readPart(folder: string, file: string): Promise<string> {
  return await readFile(join(folder, file), 'utf8').catch(() => {
    throw wrong(folder, file, 'can not be read');
  });
}

function onePem(folder: string, file: string, text: string): string {
  const [first, ...more] = named(folder, file, () => splitCertificates(text));
  if (first === undefined || more.length > 0) throw wrong(folder, file, 'has to hold one certificate');
  return first;
}

function named<T>(folder: string, file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw wrong(folder, file, error instanceof MeshError ? error.message : 'can not be read');
  }
}

const wrong = (folder: string, file: string, problem: string) =>
  new MeshError('invalid', `${join(folder, file)}: ${problem}`);
