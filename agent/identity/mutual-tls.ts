// Client credentials of mutual TLS with one server of the mesh: its SPIFFE ID counts, whatever its address.
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

/** What the client shows; PEM. */
export interface ClientKeys {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** Credentials that believe `roots` (PEM) and, of those whom they vouch for, the server with this SPIFFE ID alone. */
export function mutualTls(options: {
  readonly roots: string;
  readonly serverId: string;
  /** Absent: the client shows no certificate. */
  readonly own?: ClientKeys;
}): ChannelCredentials {
  const { roots, serverId, own } = options;
  const buffer = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(Buffer.from(roots), buffer(own?.privateKey), buffer(own?.certificateChain), {
    checkServerIdentity: (_host, certificate) => {
      const names = certificate.subjectaltname?.split(', ') ?? [];
      return names.includes(`URI:${serverId}`) ? undefined : new Error(`the server is not ${serverId}`);
    },
  });
}
