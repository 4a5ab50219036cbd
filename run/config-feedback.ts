// What the Kubernetes adapter writes into the `.status` of configuration, from Pilot's side: findings across resources, and how far proxies are.
import type { ConfigFeedback, Distribution, Findings, Refusal } from '../adapters/kubernetes/config-feedback.ts';
import type { EventLog } from '../events/event-log.ts';
import { analyze } from '../mesh/config/analyze.ts';
import type { Problem } from '../mesh/config/problem.ts';
import type { DeliveriesState } from '../mesh/deliveries.ts';
import type { Snapshot } from '../mesh/snapshot.ts';
import { proxyName } from '../services/pilot/admin/proxy-status.ts';
import { progressOf } from '../services/pilot/admin/routes-wait.ts';
import type { StreamProgress } from '../services/pilot/admin/stream-progress.ts';

/** Where it is read. */
export interface FeedbackSources {
  readonly facts: Pick<EventLog, 'head'>;
  readonly deliveries: () => DeliveriesState;
  /** Of the streams of all Pilots. */
  readonly progress: () => readonly StreamProgress[];
  readonly snapshot: () => Snapshot | undefined;
}

/** See the file's first line. */
export function configFeedback({ facts, deliveries, progress, snapshot }: FeedbackSources): ConfigFeedback {
  let last: { readonly of: Snapshot; readonly findings: Findings } | undefined;
  return {
    position: async () => (await facts.head()).position,
    distribution: (position) => distributionAt(position, progress(), deliveries()),
    findings: () => {
      const newest = snapshot();
      if (newest !== undefined && last?.of !== newest) last = { of: newest, findings: findingsOf(newest) };
      return last?.findings;
    },
  };
}

/** What the streams and refusals come to. Pure. */
export function distributionAt(
  position: number,
  streams: readonly StreamProgress[],
  deliveries: DeliveriesState,
): Distribution {
  const refusals = refusalsSince(position, deliveries);
  const open = streams.filter(({ proxyId }) => !refusals.has(proxyId));
  const { acked, total, laggards } = progressOf(open, position);
  return {
    proxies: new Set(streams.map(({ proxyId }) => proxyId)).size,
    waiting: total - acked,
    laggards,
    refusals: streams.length === 0 ? [] : [...refusals.values()],
  };
}

/** Of connected proxies, one each. */
function refusalsSince(position: number, { proxies }: DeliveriesState): ReadonlyMap<string, Refusal> {
  const refusals = new Map<string, Refusal>();
  for (const { proxyId, streams, types } of proxies.values()) {
    if (streams.size === 0) continue;
    const standing = [...types.values()].flatMap(({ rejected }) =>
      rejected && rejected.position >= position ? [rejected] : [],
    );
    const [first] = standing;
    if (!first) continue;
    const isTraced = standing.every(({ traced }) => traced && traced.causes.length > 0);
    const causes = standing.flatMap(({ traced }) => traced?.causes ?? []);
    const subjects = isTraced ? causes.map(({ subject }) => subject) : [];
    refusals.set(proxyId, { proxy: proxyName(proxyId), message: first.message, subjects });
  }
  return refusals;
}

function findingsOf(snapshot: Snapshot): Findings {
  const problems = new Map<string, Problem[]>();
  for (const problem of analyze(snapshot)) {
    const { resource = '' } = problem;
    const known = problems.get(resource);
    if (known) known.push(problem);
    else problems.set(resource, [problem]);
  }
  return { position: snapshot.position, problems };
}
