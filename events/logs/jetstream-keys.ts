// Makes nkeys for the services of a mesh: a seed file each that only its owner can read, and the server's side of them.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { authorizationText, inboxOf, type NatsRole } from './jetstream-roles.ts';

/** What was written for one role. */
export interface WrittenKey {
  readonly role: NatsRole;
  readonly publicKey: string;
  /** The secret half. */
  readonly seedFile: string;
  /** Whether the file was there before: it is kept, so that a service goes on with the key it has. */
  readonly kept: boolean;
  /** To be added to the service's `--log nats://HOST:PORT/MESH`. */
  readonly query: string;
}

/** Name of the file that the server's configuration includes. */
export const authorizationFile = 'authorization.conf';

/**
 * Writes `ROLE.nk` (mode 0600) for each role that has none in `directory`, and `authorization.conf` for all of them. Throws MeshError
 * `invalid` when a seed file holds no user seed.
 */
export function writeNatsKeys(options: {
  readonly directory: string;
  readonly mesh: string;
  readonly roles: readonly NatsRole[];
}): readonly WrittenKey[] {
  const { directory, mesh, roles } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const keys = [...new Set(roles)].map((role) => keyOf(role, join(directory, `${role}.nk`)));
  writeFileSync(join(directory, authorizationFile), authorizationText(keys, mesh), { mode: 0o644 });
  return keys;
}

function keyOf(role: NatsRole, seedFile: string): WrittenKey {
  const kept = existsSync(seedFile);
  if (!kept) {
    const seed = new TextDecoder().decode(createUser().getSeed());
    writeFileSync(seedFile, `${seed}\n`, { mode: 0o600, flag: 'wx' });
  }
  chmodSync(seedFile, 0o600);
  const query = `nkey=${seedFile}&inbox=${inboxOf(role)}`;
  return { role, publicKey: publicKeyOf(seedFile), seedFile, kept, query };
}

function publicKeyOf(seedFile: string): string {
  try {
    const key = fromSeed(new Uint8Array(Buffer.from(readFileSync(seedFile, 'utf8').trim()))).getPublicKey();
    if (key.startsWith('U')) return key;
  } catch (error) {
    throw new MeshError('invalid', `${seedFile} holds no nkey seed: ${messageOf(error)}`);
  }
  throw new MeshError('invalid', `${seedFile} holds the seed of another kind than a user's: remove it for a new one`);
}
