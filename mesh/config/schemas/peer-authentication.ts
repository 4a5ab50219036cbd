// PeerAuthentication (istio.io/latest/docs/reference/config/security/peer_authentication): schema and types.
import { matchLabelsSelectorSchema } from './destination.ts';
import { map, object, oneOfNames, type Static } from './schema.ts';

const mutualTls = object({ mode: oneOfNames('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT') });
/** Schema of a PeerAuthentication's spec. */
export const peerAuthenticationSchema = object({
  selector: matchLabelsSelectorSchema,
  mtls: mutualTls,
  portLevelMtls: map(mutualTls),
});

/** Whether inbound connections must be mutual TLS. Keys of `portLevelMtls` are workload ports. */
export interface PeerAuthenticationSpec extends Static<typeof peerAuthenticationSchema> {}
/** A mode; absent means inherited. */
export interface MutualTLS extends Static<typeof mutualTls> {}
