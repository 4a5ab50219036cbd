// Makes join tokens on a log that processes share, where Citadel and Pilot are processes of their own: making one is an append.
import type { Clock } from '../lib/clock.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { parseSpiffeId } from '../mesh/spiffe-id.ts';
import { createJoinToken } from '../services/citadel/attest/join-token.ts';
import { BanCheck } from '../services/citadel/csr/ban-check.ts';
import { openOfflineLogs } from './offline-logs.ts';

/** A token, which is kept nowhere. */
export interface MadeToken {
  readonly token: string;
  readonly expiresAt: string;
}

/**
 * One token for each ID, in their order. Throws MeshError `invalid` for what is no workload's SPIFFE ID or banned, before any is made, and
 * what opening the log throws.
 */
export async function createJoinTokens(request: {
  readonly spiffeIds: readonly string[];
  readonly log: string;
  readonly workingDirectory: string;
  readonly actor: string;
  readonly lifeMs?: number;
  readonly clock: Clock;
}): Promise<readonly MadeToken[]> {
  const { actor, clock, lifeMs, log, spiffeIds, workingDirectory } = request;
  const ids = spiffeIds.map((text) => {
    const parsed = parseSpiffeId(text);
    if (!parsed.ok) throw new MeshError('invalid', `${text} is no SPIFFE ID of a workload: ${parsed.reason}`);
    return parsed.id;
  });
  const { deliveries, facts } = await openOfflineLogs(log, workingDirectory);
  try {
    const bans = new BanCheck(facts);
    for (const text of spiffeIds) if (await bans.isBanned(text)) throw new MeshError('invalid', `${text} is banned`);
    const means = { facts, clock, source: '/cli/token' };
    const life = lifeMs === undefined ? {} : { lifeMs };
    return await Promise.all(ids.map((id) => createJoinToken(means, { id, actor, ...life })));
  } finally {
    await Promise.all([facts.close(), deliveries.close()]);
  }
}
