// TLS of Citadel's own port: its certificate can be renewed while it serves, clients may show a certificate and need not.
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

/** See the file's first line; without an identity it lets nobody in. */
export class RenewableCredentials extends ServerCredentials {
  constructor() {
    // A client certificate that can't be verified is treated as none: tokens prove callers that have none yet.
    super({ requestCert: true, rejectUnauthorized: false, handshakeTimeout: handshakeMs });
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
