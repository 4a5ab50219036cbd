// Who the client of a stream is, as its TLS connection proves it, and whether that fits what its node says of itself.
import { X509Certificate } from 'node:crypto';
import { formatSpiffeId, parseSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';

/** What a connection proves. */
export type ClientProof =
  /** Plaintext: nothing, and nothing is asked. */
  | { readonly kind: 'none' }
  | { readonly kind: 'svid'; readonly id: SpiffeId; readonly notAfterMs: number }
  | { readonly kind: 'unusable'; readonly reason: string };

/** What grpc-js says of a connection. */
interface AuthContext {
  readonly transportSecurityType?: string;
  readonly sslPeerCertificate?: { readonly raw?: Buffer };
}

/** Reads the client's certificate, which TLS has verified against the trust bundle. An X.509-SVID has one URI SAN (SPIFFE X509-SVID, 2). */
export function clientProofOf({ transportSecurityType, sslPeerCertificate }: AuthContext): ClientProof {
  if (transportSecurityType !== 'ssl') return { kind: 'none' };
  if (!sslPeerCertificate?.raw) return { kind: 'unusable', reason: 'no client certificate was shown' };
  const { subjectAltName = '', validTo } = new X509Certificate(sslPeerCertificate.raw);
  // A name with a comma is quoted by Node, so two names can't look like one.
  const [, uri] = /^URI:([^,"\s]+)$/.exec(subjectAltName) ?? [];
  if (uri === undefined) return { kind: 'unusable', reason: 'the client certificate is no SVID: it has not one URI' };
  const parsed = parseSpiffeId(uri);
  if (!parsed.ok) return { kind: 'unusable', reason: `the client certificate is no workload's: ${parsed.reason}` };
  return { kind: 'svid', id: parsed.id, notAfterMs: Date.parse(validTo) };
}

/** Why a client may not be what its node says; undefined when it may. Istio's rule, and the service account as well. */
export function admissionProblem(
  proof: ClientProof,
  node: { readonly id: string; readonly context: Pick<ProxyContext, 'namespace' | 'serviceAccount'> },
  trustDomain: string | undefined,
): string | undefined {
  if (proof.kind === 'none') return undefined;
  if (proof.kind === 'unusable') return proof.reason;
  const { id } = proof;
  const shown = `the certificate is ${formatSpiffeId(id)}`;
  if (id.trustDomain !== trustDomain) return `${shown}, of another trust domain`;
  const { namespace, serviceAccount } = node.context;
  for (const claimed of [namespace, namespaceOf(node.id)])
    if (claimed !== id.namespace) return `${shown}, but the node says namespace ${JSON.stringify(claimed)}`;
  // Proxies without this metadata get what any of their namespace may see.
  if (serviceAccount !== '' && serviceAccount !== id.serviceAccount)
    return `${shown}, but the node says service account ${JSON.stringify(serviceAccount)}`;
  return undefined;
}

/** The proven identity, for records. */
export function spiffeIdOf(proof: ClientProof): { readonly spiffeId?: string } {
  return proof.kind === 'svid' ? { spiffeId: formatSpiffeId(proof.id) } : {};
}

/** In a node id `TYPE~IP~NAME.NAMESPACE~DOMAIN`, which was checked. */
function namespaceOf(nodeId: string): string {
  const name = nodeId.split('~')[2] ?? '';
  return name.slice(name.lastIndexOf('.') + 1);
}
