// Applies and deletes configuration: decide on the newest state, append at the expected versions, decide again when somebody was quicker.
import { configSubject } from '../../../events/config-facts.ts';
import type { ConfigResource } from '../../../events/model.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import {
  type CommandContext,
  type CurrentConfig,
  type Decision,
  decideApply,
  decideDelete,
  type Outcome,
} from '../../../mesh/config/decide.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { AdminContext } from './context.ts';
import { ProblemsError } from './failures.ts';
import type { ApiResourceRef, ApiResult, ChangeResponse } from './schemas.ts';

/** Conflicts need two writers at one resource within milliseconds: so many in a row mean that something is wrong. */
const maxAttempts = 8;
/** How long Pilot may take to fold what has been appended before a change is refused as unavailable. */
const catchUpMs = 10_000;

/** Who changes, and whether in earnest. */
export interface ChangeOptions {
  readonly actor: string;
  readonly dryRun: boolean;
  readonly traceparent?: string;
}

/** Makes `resources` exactly so, all or none. Throws ProblemsError `invalid`, MeshError `conflict` or `unavailable`. */
export function applyResources(
  context: AdminContext,
  resources: readonly ConfigResource[],
  options: ChangeOptions,
): Promise<ChangeResponse> {
  return change(context, resources, options, (current, command) => decideApply(current, { ...command, resources }));
}

/** Removes `keys`, all or none. Throws ProblemsError `not-found`, unless what is missing is to be passed over. */
export function deleteResources(
  context: AdminContext,
  keys: readonly ApiResourceRef[],
  options: ChangeOptions & { readonly ignoreNotFound: boolean },
): Promise<ChangeResponse> {
  return change(context, keys, options, (current, command) => {
    const existing = keys.filter(({ kind, namespace, name }) => current.get(kind, namespace, name) !== undefined);
    return decideDelete(current, { ...command, keys: options.ignoreNotFound ? existing : keys });
  });
}

async function change(
  context: AdminContext,
  refs: readonly ApiResourceRef[],
  options: ChangeOptions,
  decide: (current: CurrentConfig, command: CommandContext) => Decision,
): Promise<ChangeResponse> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const snapshot = await newestSnapshot(context);
    const current = await currentConfig(context, snapshot, refs);
    const decision = decide(current, {
      actor: options.actor,
      source: '/admin',
      time: new Date(context.clock.nowMs()).toISOString(),
      ...(options.traceparent === undefined ? {} : { traceparent: options.traceparent }),
    });
    if (!decision.ok) throw rejection(decision);
    const response = {
      dryRun: options.dryRun,
      results: decision.results.map(resultOf),
      warnings: [...decision.warnings],
    };
    if (options.dryRun || decision.appends.length === 0) return { position: snapshot.position, ...response };
    const appended = await context.logs.facts.append(decision.appends);
    if (appended.ok) return { position: appended.position, ...response };
  }
  throw new MeshError(
    'conflict',
    `somebody else keeps changing the same resources; nothing was changed after ${maxAttempts} attempts, try again`,
  );
}

/** The snapshot that has everything which is in the log now: a decision on an older one would only conflict. */
async function newestSnapshot(context: AdminContext): Promise<Snapshot> {
  const head = await context.logs.facts.head();
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(catchUpMs)]);
  for await (const snapshot of context.snapshots.watch(signal)) {
    if (snapshot.position >= head.position) return snapshot;
  }
  const at = context.snapshots.value?.position ?? 0;
  throw new MeshError(
    'unavailable',
    `Pilot has read the log only up to position ${at} of ${head.position}; try again in a moment`,
  );
}

async function currentConfig(
  context: AdminContext,
  snapshot: Snapshot,
  refs: readonly ApiResourceRef[],
): Promise<CurrentConfig> {
  const subjects = [...new Set(refs.map(configSubject))];
  const versions = await Promise.all(subjects.map((subject) => context.logs.facts.subjectVersion(subject)));
  const bySubject = new Map(subjects.map((subject, index) => [subject, versions[index] ?? 0]));
  return {
    get: (kind, namespace, name) => snapshot.config.get(kind, namespace, name),
    subjectVersion: (subject) => bySubject.get(subject) ?? 0,
  };
}

function rejection(decision: Extract<Decision, { ok: false }>): ProblemsError {
  const errors = decision.problems.filter((problem) => problem.severity === 'error');
  const total = errors.length === 1 ? 'a problem' : `${errors.length} problems`;
  return new ProblemsError(decision.reason, `${total}; nothing was changed`, [...decision.problems]);
}

function resultOf({ key, action }: Outcome): ApiResult {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  return { kind, namespace, name, action };
}
