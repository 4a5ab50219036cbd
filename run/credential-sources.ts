// Where Pilot reads the keys of gateways.
import { createFileCredentials } from '../adapters/files/credentials.ts';
import { createKubernetesCredentials } from '../adapters/kubernetes/credentials.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { CredentialSource } from '../mesh/credential-material.ts';
import type { ConfigFolders } from './compose-adapters.ts';
import type { ProcessConfig } from './config.ts';
import { kubernetesAccess } from './kubernetes-access.ts';

/** Folders, then clusters whose configuration is the mesh's. They never pass through the log. */
export function credentialSources(
  { kubernetes, secretsDirectory }: ProcessConfig,
  { folders, clock, logger }: { readonly folders: ConfigFolders; readonly clock: Clock; readonly logger: Logger },
): readonly CredentialSource[] {
  const directories = [...(secretsDirectory === undefined ? [] : [secretsDirectory]), ...folders.values()];
  return [
    ...directories.map((folder) => createFileCredentials({ folder, clock })),
    ...kubernetes
      .filter(({ readsConfig }) => readsConfig)
      .map((cluster) =>
        createKubernetesCredentials({ ...cluster, access: () => kubernetesAccess(cluster), clock, logger }),
      ),
  ];
}
