// Client credentials of mutual TLS with one server of the mesh: its SPIFFE ID counts, whatever its address.
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';

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

/** Options of every channel with these credentials: a TLS server name, since an address may not be one (RFC 6066) and none is checked. */
export const mutualTlsChannel: ChannelOptions = { 'grpc.ssl_target_name_override': 'periplus-system' };
