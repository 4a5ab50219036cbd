// TLS of a gRPC port whose certificate and roots can be renewed while it serves; without an identity it lets nobody in.
import { constants } from 'node:crypto';
import { ServerCredentials } from '@grpc/grpc-js';

/** What the port shows and whom it believes; all PEM. */
export interface ServerIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
  /** Roots that client certificates are verified against. */
  readonly roots: readonly string[];
}

/** A client that has not finished its handshake by then gets no further. */
const handshakeMs = 10_000;

/** See the file's first line. */
export class RenewableCredentials extends ServerCredentials {
  /**
   * `requireClient`: whoever shows no certificate of the roots is turned away in the handshake. Otherwise one that can't be verified is
   * treated as none: tokens prove callers that have none yet.
   */
  constructor(options: { readonly requireClient: boolean }) {
    super({ requestCert: true, rejectUnauthorized: options.requireClient, handshakeTimeout: handshakeMs });
  }

  /** Used by every connection from now on. Session tickets stay off: each connection shows its certificate anew. */
  renew({ certificateChain, privateKey, roots }: ServerIdentity): void {
    this.updateSecureContextOptions({
      cert: certificateChain,
      key: privateKey,
      ca: [...roots],
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
