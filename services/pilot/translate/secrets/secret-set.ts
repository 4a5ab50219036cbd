// The secrets of a proxy as translation knows them: by fingerprint, without material, which Pilot fills in when it sends them.
import { create } from '@bufbuild/protobuf';
import type { CertificateRecord, ObservedCredential } from '../../../../events/credential-facts.ts';
import { type Secret, SecretSchema } from '../../../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { encodeResource } from '../encode.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { resourceSet } from '../resource-set.ts';
import type { Lookups } from '../routes/lookups.ts';
import { type EncodedResource, type ResourceSet, typeUrls } from '../translation.ts';
import { credentialKeysOf, credentialNames, isCaSecret } from './credential-names.ts';

/** Looks a credential up by `NAMESPACE/NAME`. */
export type CredentialLookup<T> = (key: string) => T | undefined;

/** The credentials that the proxy's secrets are made of; the same array while they are the same. */
export function credentialsOf(lookups: Lookups): readonly string[] {
  const names = credentialNames(lookups);
  const { context } = lookups.scope;
  return lookups.memo.get('credentials-of', [names, context], () => [
    ...new Set(names.flatMap((name) => credentialKeysOf(name, context))),
  ]);
}

/** The secrets that the proxy may have and that are known. */
export function secretSet(lookups: Lookups): ResourceSet {
  const { scope, memo } = lookups;
  const { context, snapshot } = scope;
  const names = credentialNames(lookups);
  return memo.get('secret-set', [names, snapshot.credentials, context], () => {
    const credential = (key: string) => snapshot.credentials.get(key);
    const secrets = names.flatMap((name) => publicSecret(name, context, credential) ?? []);
    const known = new Set(secrets.map(({ name }) => name));
    const absent = names.filter((name) => !known.has(name) && isKnownAbsent(name, context, credential));
    return resourceSet(secrets, new Set(absent));
  });
}

/** Whether its credential was looked for in vain: a CA's own name is never said to be missing, only the certificate's beside which it may be. */
function isKnownAbsent(
  name: string,
  context: Pick<ProxyContext, 'namespace'>,
  credential: CredentialLookup<ObservedCredential>,
): boolean {
  const last = credentialKeysOf(name, context).at(-1);
  return last !== undefined && credential(last) !== undefined;
}

/**
 * What may be known of one secret; its version stands for the whole content, since the digest covers every public byte and the key is
 * bound to the certificate. Undefined while nothing usable is known of it.
 */
export function publicSecret(
  name: string,
  context: Pick<ProxyContext, 'namespace'>,
  credential: CredentialLookup<ObservedCredential>,
): EncodedResource | undefined {
  const observed = chosenFor(name, context, (key) => credential(key));
  if (observed?.digest === undefined) return undefined;
  const shown = isCaSecret(name) ? (observed.authorities?.certificates ?? []) : [observed.certificate];
  const text = [`digest ${observed.digest}`, ...shown.flatMap((one) => (one ? describe(one) : []))].join('\n');
  const secret: Secret = create(SecretSchema, {
    name,
    type: { case: 'genericSecret', value: { secret: { specifier: { case: 'inlineString', value: text } } } },
  });
  return encodeResource(typeUrls.secret, name, SecretSchema, secret);
}

/** The credential that answers for an SDS resource: the first that has what the resource is for. */
export function chosenFor<T extends Pick<ObservedCredential, 'certificate' | 'authorities'>>(
  name: string,
  context: Pick<ProxyContext, 'namespace'>,
  credential: CredentialLookup<T>,
): T | undefined {
  const found = credentialKeysOf(name, context).map(credential);
  return found.find((one) => (isCaSecret(name) ? one?.authorities : one?.certificate) !== undefined);
}

function describe({ fingerprint, notAfter }: CertificateRecord): string {
  return `certificate sha256:${fingerprint} until ${notAfter}`;
}
