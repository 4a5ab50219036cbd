// `periplus history`: every version of one resource, who made it and what it changed.
import type { Command } from 'commander';
import type { RecordedEvent } from '../../events/envelope.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withAt,
  withExamples,
  withNamespace,
  withOutput,
  withServer,
} from '../context.ts';
import { shortType } from '../events-table.ts';
import { type FieldChange, fieldChanges, formatFieldChange } from '../field-changes.ts';
import { configKindOf } from '../kinds.ts';
import { json, plainStyle, type Style } from '../output.ts';

/** The command. */
export function historyCommand(context: CliContext): Command {
  const command = newCommand('history')
    .description('every version of one resource: when, by whom, and which fields changed')
    .argument(
      '<kind/name>',
      'such as vs/reviews; a SPIFFE ID; or a whole subject such as registry/files/service/default/reviews',
    )
    .action(async (resource: string, options: SharedOptions) => {
      const subject = subjectOf(resource, options.namespace ?? 'default');
      const query = { subject, at: atOf(context, options) };
      const { items } = await clientOf(context, options).get<ListResponse<RecordedEvent>>('/api/v1/history', query);
      if (items.length === 0) throw new MeshError('not-found', `the log has no events of ${subject}`);
      if (options.output === 'json') context.io.out(json(items));
      else context.io.out(formatHistory(items, context.style));
    });
  return withExamples(withAt(withOutput(withNamespace(withServer(command)))), [
    ['periplus history vs/reviews', 'all versions of a VirtualService'],
    ['periplus history dr/reviews -n prod -o json', 'the events themselves'],
    ['periplus history spiffe://cluster.local/ns/shop/sa/web', "a workload's certificates, tokens and bans"],
  ]);
}

/** The subject that `KIND/NAME`, `KIND/NAMESPACE/NAME` or a subject itself names. */
export function subjectOf(resource: string, namespace: string): string {
  if (resource.startsWith('spiffe://')) return `identity/${resource}`;
  const [first = '', second, third, ...more] = resource.split('/');
  if (first === 'config' || first === 'registry' || first === 'proxy' || first === 'identity') return resource;
  if (second === undefined || second === '' || more.length > 0) {
    throw new MeshError('usage', `"${resource}" names no resource: give KIND/NAME, such as vs/reviews`);
  }
  const { kind } = configKindOf(first);
  return third === undefined ? `config/${kind}/${namespace}/${second}` : `config/${kind}/${second}/${third}`;
}

/** One paragraph an event: its head line, then the fields that it changed. */
export function formatHistory(events: readonly RecordedEvent[], style: Style = plainStyle): string {
  let before: unknown;
  let text = '';
  for (const event of events) {
    const deleted = isRemoval(event);
    const changes: readonly FieldChange[] = deleted || before === undefined ? [] : fieldChanges(before, event.data);
    const what = deleted
      ? style.red('deleted')
      : before === undefined
        ? style.green('created')
        : style.yellow('changed');
    text += `${style.bold(`version ${event.version}`)}  ${what}  position ${event.position}  ${event.time}  ${event.actor}  ${style.dim(shortType(event.type))}\n`;
    for (const change of changes) text += `    ${formatFieldChange(change)}\n`;
    before = deleted ? undefined : event.data;
  }
  return text;
}

function isRemoval(event: RecordedEvent): boolean {
  return event.type.endsWith('.deleted') || event.type.endsWith('-deregistered');
}
