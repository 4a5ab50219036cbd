// One-time join tokens for machines whose platform vouches for nobody: using one is an append to the log that only one caller wins.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import { joinTokenSubject } from '../../../events/identity-facts.ts';
import type { Clock } from '../../../lib/clock.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { formatSpiffeId, parseSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import { type Attestation, type Attestor, type Credentials, notMine, refused } from './attestor.ts';

/** Where tokens are kept. */
export interface JoinTokenMeans {
  readonly facts: EventLog;
  readonly clock: Clock;
  /** Of events: `/citadel/NAME`. */
  readonly source: string;
}

const prefix = 'pjt_';
const pattern = /^pjt_[A-Za-z0-9_-]{43}$/;
/** Time to start a machine; a token that lies about for longer is a risk. */
const defaultLifeMs = 600_000;
const maxLifeMs = 7 * 86_400_000;

/**
 * When a spent token is shown again with the same key, its answer got lost: not before, as who asks twice at once has not waited for
 * one; not later, as agents come back within half a minute.
 */
const lostAnswerMs = { from: 2_000, until: 600_000 } as const;

/** Makes a token of 256 random bits; the log keeps its hash only. Gives the token, which can't be read again. */
export async function createJoinToken(
  means: JoinTokenMeans,
  options: { readonly id: SpiffeId; readonly actor: string; readonly lifeMs?: number },
): Promise<{ readonly token: string; readonly expiresAt: string }> {
  const lifeMs = options.lifeMs ?? defaultLifeMs;
  if (!(lifeMs > 0 && lifeMs <= maxLifeMs)) throw new MeshError('invalid', 'a join token lives for at most 7 days');
  const token = `${prefix}${randomBytes(32).toString('base64url')}`;
  const tokenHash = hashOf(token);
  const expiresAt = new Date(means.clock.nowMs() + lifeMs).toISOString();
  const data = { tokenHash, spiffeId: formatSpiffeId(options.id), expiresAt };
  const result = await append(means, {
    type: 'io.periplus.identity.join-token-created',
    data,
    version: 0,
    actor: options.actor,
  });
  if (!result) throw new MeshError('conflict', 'a token with this hash exists');
  return { token, expiresAt };
}

/** Attests callers that show a join token, each token for one key: once, and again after an answer that got lost. */
export function createJoinTokenAttestor(means: JoinTokenMeans & { readonly trustDomain: string }): Attestor {
  const kind = 'join-token';
  return {
    kind,
    async attest({ token, peer, keyHash }: Credentials): Promise<Attestation> {
      if (!token?.startsWith(prefix)) return notMine;
      if (!pattern.test(token)) return refused('the join token is malformed');
      const tokenHash = hashOf(token);
      const evidence = { kind, details: { tokenHash } };
      const known = await find(means.facts, tokenHash);
      if (!known) return refused('the join token is unknown', evidence);
      const isAgain = known.used !== undefined && answerMayBeLost(known.used, keyHash, means.clock.nowMs());
      if (known.used && !isAgain) return refused('the join token was used before', evidence);
      if (!(Date.parse(known.expiresAt) > means.clock.nowMs())) return refused('the join token has expired', evidence);
      const parsed = parseSpiffeId(known.spiffeId);
      if (!parsed.ok || parsed.id.trustDomain !== means.trustDomain)
        return refused('the join token is for another trust domain', evidence);
      if (isAgain) return { outcome: 'proven', id: parsed.id, evidence, use: 'again' };
      const data = { tokenHash, spiffeId: known.spiffeId, peer, ...(keyHash !== undefined && { keyHash }) };
      const type = 'io.periplus.identity.join-token-consumed';
      const won = await append(means, { type, data, version: 1, actor: `workload:${known.spiffeId}` });
      return won
        ? { outcome: 'proven', id: parsed.id, evidence, use: 'first' }
        : refused('the join token was used before', evidence);
    },
  };
}

interface Used {
  readonly keyHash: string | undefined;
  readonly atMs: number;
}

function answerMayBeLost(used: Used, keyHash: string | undefined, nowMs: number): boolean {
  const sinceMs = nowMs - used.atMs;
  const isTime = sinceMs >= lostAnswerMs.from && sinceMs <= lostAnswerMs.until;
  return keyHash !== undefined && keyHash === used.keyHash && isTime;
}

async function find(facts: EventLog, tokenHash: string) {
  let created: { readonly spiffeId: string; readonly expiresAt: string } | undefined;
  let used: Used | undefined;
  for await (const { type, data, time } of facts.read({ subject: joinTokenSubject(tokenHash), limit: 2 })) {
    if (type === 'io.periplus.identity.join-token-created') created = Object(data);
    else used = { keyHash: Object(data).keyHash, atMs: Date.parse(time) };
  }
  return created && { ...created, used };
}

/** Appends at the version; false when somebody was quicker. */
async function append(
  { facts, clock, source }: JoinTokenMeans,
  fact: { type: string; data: { readonly tokenHash: string }; version: number; actor: string },
): Promise<boolean> {
  const { type, data, version: expectedVersion, actor } = fact;
  const subject = joinTokenSubject(data.tokenHash);
  // Each attempt is an event of its own: with equal ids the log would take a second use for a retry of the first.
  const id = eventId({ source, subject, revision: randomUUID(), content: { type, data } });
  const time = new Date(clock.nowMs()).toISOString();
  const event = { id, source, subject, type, time, actor, causes: [], data };
  return (await facts.append([{ event, expectedVersion }])).ok;
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');
