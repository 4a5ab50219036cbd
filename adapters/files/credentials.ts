// Credentials in a folder: Secrets in its YAML and JSON files, and PEM files in NAMESPACE/NAME/ under the names that Secrets use.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { parseDocuments } from '../../mesh/config/parse.ts';
import { hasErrors } from '../../mesh/config/problem.ts';
import type { KubernetesSecret } from '../../mesh/config/schemas/kubernetes.ts';
import {
  type CredentialKey,
  type CredentialSource,
  credentialOf,
  entriesOfSecret,
  type FoundCredential,
} from '../../mesh/credential-material.ts';
import { listFiles } from './read-folder.ts';
import { defaultWatchTiming, type WatchTiming, watchFolder } from './watch-folder.ts';

/** Which folder, and how to watch it. */
export interface FileCredentialsOptions {
  readonly folder: string;
  readonly clock?: Clock;
  readonly timing?: Partial<WatchTiming>;
}

/** A Secret that holds a certificate is some kilobytes; larger files that mention one are not read for it. */
const maxFileBytes = 4 << 20;
const pemFiles = ['tls.crt', 'tls.key', 'ca.crt', 'ca.crl'] as const;

/** The credentials in `folder`. It is read when one is asked for, and of Secrets only those asked for are kept. */
export function createFileCredentials(options: FileCredentialsOptions): CredentialSource {
  const { folder, clock = systemClock } = options;
  const timing = { ...defaultWatchTiming, ...options.timing };
  return {
    name: folder,
    follow: async (key, tell, signal) => {
      const watch = watchFolder(folder, { signal, clock, timing });
      let said: string | undefined;
      while (!signal.aborted) {
        const look = await lookFor(folder, key);
        if (look !== 'unreadable' && !signal.aborted) {
          const shown = JSON.stringify(look ?? null);
          if (shown !== said) tell(look);
          said = shown;
        }
        await watch.next().catch(() => {});
      }
    },
  };
}

/** 'unreadable' while the folder or a file that may hold it can't be read or is half written: what was there before stays. */
async function lookFor(folder: string, key: CredentialKey): Promise<FoundCredential | undefined | 'unreadable'> {
  try {
    return (await pemFolder(folder, key)) ?? (await secretIn(folder, key));
  } catch {
    return 'unreadable';
  }
}

async function pemFolder(folder: string, key: CredentialKey): Promise<FoundCredential | undefined> {
  const read = (name: string) => readFile(join(folder, key.namespace, key.name, name), 'utf8').catch(ifMissing);
  const texts = await Promise.all(pemFiles.map(async (name) => [name, await read(name)] as const));
  const entries = texts.flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const]));
  return entries.length === 0 ? undefined : credentialOf(key, Object.fromEntries(entries));
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

async function secretIn(folder: string, key: CredentialKey): Promise<FoundCredential | undefined> {
  for (const path of await listFiles(folder)) {
    const text = await readFile(join(folder, path), 'utf8').catch(ifMissing);
    if (text === undefined || text.length > maxFileBytes || !text.includes('Secret') || !text.includes(key.name))
      continue;
    const { objects, problems } = parseDocuments(text, { file: path });
    // As with every other resource, a file with an error is not taken at all.
    if (hasErrors(problems)) throw new Error('the file has errors');
    const found = objects.find(
      ({ kind, namespace, name }) => kind === 'Secret' && namespace === key.namespace && name === key.name,
    );
    if (found?.type === 'kubernetes') return credentialOf(key, entriesOfSecret(found.object as KubernetesSecret));
  }
  return undefined;
}
