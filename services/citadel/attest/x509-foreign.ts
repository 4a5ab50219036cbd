// Proves callers by a certificate of another CA that this mesh was told to believe: machines whose owner has a PKI already.
import { X509Certificate } from 'node:crypto';
import { readSvid } from '../x509/inspect.ts';
import { type Attestation, type Attestor, type Credentials, notMine, refused } from './attestor.ts';
import { svidAttestation, type X509AttestorOptions } from './x509-pop.ts';

/**
 * Attests callers whose client certificate one of `authorities` (PEM) signed directly: TLS has proven that they hold its key. Its one URI
 * SAN, a SPIFFE ID of this trust domain, says who they are: that CA can name every workload. Put it before the attestor of SVIDs.
 */
export function createForeignX509Attestor(
  options: X509AttestorOptions & { readonly authorities: readonly string[] },
): Attestor {
  const kind = 'x509-foreign';
  const authorities = options.authorities.map((pem) => new X509Certificate(pem));
  return {
    kind,
    async attest({ peerCertificate, token }: Credentials): Promise<Attestation> {
      if (peerCertificate === undefined || token !== undefined) return notMine;
      const signer = signerOf(peerCertificate, authorities);
      if (!signer) return notMine;
      const svid = readSvid(peerCertificate);
      const issuer = signer.fingerprint256.replaceAll(':', '').toLowerCase().slice(0, 32);
      if (typeof svid === 'string')
        return refused(`the client certificate names no workload: ${svid}`, { kind, details: { issuer } });
      return svidAttestation(svid, { kind, details: { serial: svid.serial, keyHash: svid.keyHash, issuer } }, options);
    },
  };
}

function signerOf(der: Buffer, authorities: readonly X509Certificate[]): X509Certificate | undefined {
  try {
    const leaf = new X509Certificate(der);
    return authorities.find((authority) => leaf.checkIssued(authority) && leaf.verify(authority.publicKey));
  } catch {
    return undefined;
  }
}
