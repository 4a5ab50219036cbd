// `replay --verify` over HTTP: folds the running control plane's own logs again and compares with what proxies were sent.
import type { FastifyInstance } from 'fastify';
import type { MeshLogs } from '../../../events/event-log.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import { type ReplayOptions, type ReplayResult, replayVerify } from '../replay/replay-verify.ts';
import type { AdminContext } from './context.ts';
import { shortTypeName } from './proxy-status.ts';
import { errorSchema } from './schemas.ts';

/** The verdict. */
export interface ReplayAnswer extends ReplayResult {
  /** Facts folded. */
  readonly facts: number;
  /** Damage that the hash chains show, by log; empty when both are whole. */
  readonly damage: readonly string[];
}

/** Registers /replay. One at a time: it reads everything. */
export function registerReplayRoutes(app: FastifyInstance, context: AdminContext): void {
  let isRunning = false;
  app.get(
    '/replay',
    {
      schema: {
        summary: 'Fold the logs from nothing and compare with what was sent to every proxy',
        tags: ['events'],
        response: { '4xx': errorSchema, '5xx': errorSchema },
      },
    },
    async (): Promise<ReplayAnswer> => {
      if (isRunning) throw new MeshError('exhausted', 'a replay is running already; wait for it');
      isRunning = true;
      try {
        return await verifyLogs(context.logs, {
          mesh: context.mesh,
          ...(context.environment ? { environment: context.environment } : {}),
        });
      } finally {
        isRunning = false;
      }
    },
  );
}

/** Checks both logs' hash chains, then replays. Rejects as reading a log does. */
export async function verifyLogs(
  logs: MeshLogs,
  options: Pick<ReplayOptions, 'mesh' | 'environment' | 'onProgress'> = {},
): Promise<ReplayAnswer> {
  const damage: string[] = [];
  for (const name of ['facts', 'deliveries'] as const) {
    const found = await logs[name].verify();
    if (!found.ok) damage.push(`${name} log, position ${found.position}: ${found.problem}`);
  }
  const facts = (await logs.facts.head()).position;
  if (damage.length > 0)
    return { ok: false, facts, damage, pushes: 0, checked: 0, resources: 0, mismatches: [], unchecked: [] };
  return { ...(await replayVerify({ ...logs, ...options })), facts, damage };
}

/** Everything that is not as it was, one line each. */
export function replayFindings(answer: ReplayAnswer): readonly string[] {
  return [
    ...answer.damage,
    ...answer.mismatches.map(
      ({ proxyId, typeUrl, position, resource, sent, replayed }) =>
        `${proxyId} ${shortTypeName(typeUrl)} ${resource} of position ${position}: sent ${sent ?? 'its removal'}, replay gives ${replayed ?? 'none'}`,
    ),
    ...answer.unchecked.map(
      ({ proxyId, position, why }) => `${proxyId}, push of position ${position} can't be checked: ${why}`,
    ),
  ];
}
