// An SVID as Envoy's secrets: `default` (certificate and key) and `ROOTCA` (what peers are verified with), Istio's names.
import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { SecretSchema } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { WorkloadSvid } from './workload-svid.ts';

/** envoy.extensions.transport_sockets.tls.v3.Secret. */
export const secretTypeUrl = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** One secret, encoded. */
export interface EncodedSecret {
  readonly name: string;
  /** Hash of the content, which is public in xDS: of the certificate for `default`, never of the key. */
  readonly version: string;
  readonly resource: Any;
}

/** The secrets of an SVID, by name. */
export function secretsOf(svid: WorkloadSvid): ReadonlyMap<string, EncodedSecret> {
  const inline = (text: string) =>
    ({
      specifier: { case: 'inlineString', value: text },
    }) as const;
  const identity = create(SecretSchema, {
    name: 'default',
    type: {
      case: 'tlsCertificate',
      value: { certificateChain: inline(svid.certificateChain), privateKey: inline(svid.privateKey) },
    },
  });
  const roots = create(SecretSchema, {
    name: 'ROOTCA',
    type: { case: 'validationContext', value: { trustedCa: inline(svid.roots) } },
  });
  const secrets = [
    [identity, svid.certificateChain],
    [roots, svid.roots],
  ] as const;
  return new Map(
    secrets.map(([secret, content]) => {
      const resource = create(AnySchema, { typeUrl: secretTypeUrl, value: toBinary(SecretSchema, secret) });
      return [secret.name, { name: secret.name, version: versionOf(content), resource }];
    }),
  );
}

/** Version of a secret with this public content. */
export function versionOf(content: string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}
