// Fills material into the secrets of a translation, at the last moment: for one stream, and only where the versions agree.
import { create } from '@bufbuild/protobuf';
import { SecretSchema } from '../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { FoundCredential } from '../../../mesh/credential-material.ts';
import { encodeResource, withVersion } from '../translate/encode.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { resourceSet } from '../translate/resource-set.ts';
import { isCaSecret } from '../translate/secrets/credential-names.ts';
import { chosenFor, publicSecret } from '../translate/secrets/secret-set.ts';
import { type EncodedResource, type ResourceSet, typeUrls } from '../translate/translation.ts';

/** Newest first: the one before is served until the log says that there is a newer one. */
export type Holdings = ReadonlyMap<string, readonly FoundCredential[]>;

/** `secrets` with their material, where it is held in the version that the log names; the rest is left out. */
export function revealSecrets(
  secrets: ResourceSet,
  context: Pick<ProxyContext, 'namespace'>,
  holdings: Holdings,
): ResourceSet {
  return resourceSet(
    secrets.names().flatMap((name) => {
      const wanted = secrets.get(name);
      return (wanted && reveal(wanted, context, holdings)) ?? [];
    }),
    secrets.absent,
  );
}

function reveal(
  wanted: EncodedResource,
  context: Pick<ProxyContext, 'namespace'>,
  holdings: Holdings,
): EncodedResource | undefined {
  const { name, version } = wanted;
  for (const age of [0, 1]) {
    const held = (key: string) => holdings.get(key)?.[age] ?? holdings.get(key)?.[0];
    if (publicSecret(name, context, (key) => held(key)?.observed)?.version !== version) continue;
    const chosen = chosenFor(name, context, (key) => {
      const found = held(key);
      return found && { ...found.observed, found };
    });
    const bytes = chosen && secretOf(name, chosen.found);
    if (bytes) return withVersion(encodeResource(typeUrls.secret, name, SecretSchema, bytes), version);
  }
  return undefined;
}

function secretOf(name: string, { material: { certificate, authorities } }: FoundCredential) {
  const inline = (value: string) => ({ specifier: { case: 'inlineString' as const, value } });
  if (isCaSecret(name)) {
    if (!authorities) return undefined;
    const { bundle, revocations } = authorities;
    const value = { trustedCa: inline(bundle), ...(revocations !== undefined && { crl: inline(revocations) }) };
    return create(SecretSchema, { name, type: { case: 'validationContext', value } });
  }
  if (!certificate) return undefined;
  const value = { certificateChain: inline(certificate.chain), privateKey: inline(certificate.privateKey) };
  return create(SecretSchema, { name, type: { case: 'tlsCertificate', value } });
}
