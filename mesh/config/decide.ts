// Commands on configuration into events: pure, so that the admin API, the files adapter and tests all decide alike.
import { type ConfigApplied, type ConfigDeleted, configSubject } from '../../events/config-facts.ts';
import { eventId } from '../../events/event-id.ts';
import type { Append } from '../../events/event-log.ts';
import { type ConfigKey, type ConfigResource, configKey } from '../../events/model.ts';
import { hasErrors, type Problem } from './problem.ts';
import { sameContent } from './same-content.ts';
import { kinds } from './schemas/kinds.ts';
import { validateResource } from './validate.ts';

/** What a decision is made on: the configuration and the versions of its subjects, as of one position. */
export interface CurrentConfig {
  get(kind: string, namespace: string, name: string): ConfigResource | undefined;
  /** Version of the subject's last event, 0 when it has none; it is above 0 for a resource that was deleted. */
  subjectVersion(subject: string): number;
}

/** Who asks, and when. */
export interface CommandContext {
  /** `user:anna`. */
  readonly actor: string;
  /** `/admin`. */
  readonly source: string;
  /** RFC 3339 with milliseconds, UTC. */
  readonly time: string;
  readonly traceparent?: string;
  /** Ids of events that led to the command. */
  readonly causes?: readonly string[];
}

/** Make these resources exactly so, all or none. They have passed parse.ts. */
export interface ApplyCommand extends CommandContext {
  readonly resources: readonly ConfigResource[];
}

/** Remove these resources, all or none. */
export interface DeleteCommand extends CommandContext {
  readonly keys: readonly { readonly kind: string; readonly namespace: string; readonly name: string }[];
}

/** What becomes of one resource, in kubectl's words. */
export interface Outcome {
  readonly key: ConfigKey;
  readonly action: 'created' | 'configured' | 'unchanged' | 'deleted';
}

/** `appends` are to be appended as one batch; on a conflict decide again on the newer state. */
export type Decision =
  | {
      readonly ok: true;
      readonly appends: readonly Append[];
      readonly results: readonly Outcome[];
      readonly warnings: readonly Problem[];
    }
  | { readonly ok: false; readonly reason: 'invalid' | 'not-found'; readonly problems: readonly Problem[] };

/** Validates and compares: resources that would not change give no event. Their creation time is that of their first application. */
export function decideApply(current: CurrentConfig, command: ApplyCommand): Decision {
  const problems = [
    ...command.resources.flatMap((resource) => validateResource(resource)),
    ...faults(command.resources),
  ];
  if (hasErrors(problems)) return { ok: false, reason: 'invalid', problems };
  const appends: Append[] = [];
  const results: Outcome[] = [];
  for (const resource of command.resources) {
    const before = current.get(resource.kind, resource.namespace, resource.name);
    const data = { ...resource, createdAt: before?.createdAt ?? resource.createdAt ?? command.time };
    const action = before === undefined ? 'created' : isSame(before, resource) ? 'unchanged' : 'configured';
    results.push({ key: configKey(resource), action });
    if (action === 'unchanged') continue;
    const type: ConfigApplied['type'] = 'io.periplus.config.applied';
    appends.push(appendOf({ type, data }, configSubject(resource), { current, command }));
  }
  return { ok: true, appends, results, warnings: problems };
}

/** A resource that does not exist is a `not-found` problem, and nothing is deleted. */
export function decideDelete(current: CurrentConfig, command: DeleteCommand): Decision {
  const problems: Problem[] = [];
  const appends: Append[] = [];
  const results: Outcome[] = [];
  const seen = new Set<ConfigKey>();
  for (const { kind, namespace, name } of command.keys) {
    const key = configKey({ kind, namespace, name });
    if (seen.has(key)) continue;
    seen.add(key);
    if (current.get(kind, namespace, name) === undefined) {
      problems.push({
        severity: 'error',
        resource: key,
        path: '',
        message: `there is no ${kind} ${name} in namespace ${namespace}`,
      });
      continue;
    }
    const type: ConfigDeleted['type'] = 'io.periplus.config.deleted';
    const data = { kind, namespace, name };
    appends.push(appendOf({ type, data }, configSubject(data), { current, command }));
    results.push({ key, action: 'deleted' });
  }
  return problems.length > 0
    ? { ok: false, reason: 'not-found', problems }
    : { ok: true, appends, results, warnings: [] };
}

/** Equal in all that a user can write; when it was created is not theirs to change. */
function isSame(before: ConfigResource, after: ConfigResource): boolean {
  return sameContent({ ...before, createdAt: undefined }, { ...after, createdAt: undefined });
}

function faults(resources: readonly ConfigResource[]): readonly Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<ConfigKey>();
  for (const resource of resources) {
    const key = configKey(resource);
    const fault = (path: string, message: string) => problems.push({ severity: 'error', resource: key, path, message });
    if (seen.has(key)) fault('metadata.name', `${key} is given twice`);
    seen.add(key);
    const kind = kinds.get(resource.kind);
    if (resource.kind !== 'MeshConfig' && kind?.type !== 'config')
      fault('kind', `${resource.kind} is not a kind of configuration`);
  }
  return problems;
}

function appendOf(
  fact: Pick<ConfigApplied | ConfigDeleted, 'type' | 'data'>,
  subject: string,
  { current, command }: { readonly current: CurrentConfig; readonly command: CommandContext },
): Append {
  const { actor, source, time, traceparent, causes = [] } = command;
  const expectedVersion = current.subjectVersion(subject);
  const id = eventId({ source, subject, revision: expectedVersion, content: fact });
  const trace = traceparent === undefined ? {} : { traceparent };
  return { event: { id, source, subject, time, actor, causes, ...trace, ...fact }, expectedVersion };
}
