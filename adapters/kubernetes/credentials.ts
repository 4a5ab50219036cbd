// Credentials in a cluster: each Secret that is asked for is followed by itself, so that no other need be readable.
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import {
  type CredentialKey,
  type CredentialSource,
  credentialOf,
  entriesOfSecret,
  type FoundCredential,
} from '../../mesh/credential-material.ts';
import type { ClusterAccess } from './access.ts';
import { type ApiObject, KubernetesClient } from './client.ts';
import { ClusterIdentity } from './cluster-identity.ts';
import { defaultReflectorTiming, type ReflectorTiming, reflect } from './reflector.ts';

/** Which cluster. */
export interface KubernetesCredentialsOptions {
  readonly access: () => Promise<ClusterAccess>;
  readonly clusterId: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly timing?: ReflectorTiming;
}

/** How long to wait before access is read again when it could not be, in ms. */
const accessRetryMs = 5_000;

/**
 * The Secrets of one cluster, by list and watch with `metadata.name` as the field selector: a Role that names the Secrets suffices
 * (kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources).
 */
export function createKubernetesCredentials(options: KubernetesCredentialsOptions): CredentialSource {
  const { clusterId, clock = systemClock, logger, timing = defaultReflectorTiming } = options;
  const follow: CredentialSource['follow'] = async (key, tell, signal) => {
    const client = await clientFor(options, clock, signal);
    if (!client) return;
    const newest = (objects: readonly ApiObject[]) => tell(foundIn(key, objects));
    try {
      await reflect<ApiObject>(
        {
          client,
          identity: new ClusterIdentity(client),
          path: `/api/v1/namespaces/${key.namespace}/secrets`,
          fieldSelector: `metadata.name=${key.name}`,
          clock,
          timing,
          read: (object) => object,
          onList: newest,
          onChange: (change, object) => newest(change === 'set' ? [object] : []),
          onTrouble: (trouble) => {
            if (trouble !== undefined)
              logger.warn({ cluster: clusterId, ...key, error: messageOf(trouble) }, 'a Secret can not be read');
          },
        },
        signal,
      );
    } finally {
      client.close();
    }
  };
  return { name: `cluster ${clusterId}`, follow };
}

/** Undefined once `signal` aborts. */
async function clientFor(
  { access, clusterId, logger }: KubernetesCredentialsOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<KubernetesClient | undefined> {
  while (!signal.aborted) {
    try {
      return new KubernetesClient(await access());
    } catch (error) {
      logger.warn({ cluster: clusterId, error: messageOf(error) }, 'the access to the cluster can not be read');
      await clock.sleep(accessRetryMs, signal).catch(() => {});
    }
  }
  return undefined;
}

function foundIn(key: CredentialKey, objects: readonly ApiObject[]): FoundCredential | undefined {
  // A server that ignores the selector must not make us take another Secret for this one.
  const secret = objects.find(({ metadata }) => metadata.name === key.name && metadata.namespace === key.namespace);
  return secret && credentialOf(key, entriesOfSecret(secret as Parameters<typeof entriesOfSecret>[0]));
}
