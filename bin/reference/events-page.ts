// docs/reference/events.md: every event type, from the catalog.
import { catalog } from '../../events/catalog.ts';
import type { CatalogEntry, WriterGroup } from '../../events/catalog-entry.ts';
import { codeBlock, markdownTable, page } from './markdown.ts';

/** Who writes the events of a group. */
const writers: Readonly<Record<WriterGroup, string>> = {
  registry: 'adapters; Pilot, for the health that agents report',
  config: 'the admin API (`apply`, `delete`) and adapters',
  identity: 'Citadel',
  policy: 'Mixer',
  delivery: 'Pilot',
  system: 'the log and Pilot',
};

/** The page. */
export function eventsPage(): string {
  const groups = [...new Set(catalog.map(({ group }) => group))];
  return page(
    '# Events',
    'All events are CloudEvents 1.0. Besides `type` and `data`, each has a deterministic `id` (writing it again changes nothing), `source`, `subject` (what it is about), `time`, `actor` (who wanted it) and `causes` (ids of the events that led to it); the log adds `position`, the `version` of its subject and the hash of the subject’s previous event, and `traceparent` joins it to a trace. `periplus events -o json` shows them whole.',
    'The log `facts` is the only input of translation. The log `deliveries` is for people: nothing is translated from it.',
    markdownTable(
      ['type', 'log', 'what happened'],
      catalog.map(({ type, log, meaning }) => [`[${type}](#${anchor(type)})`, log, meaning]),
    ),
    ...groups.flatMap((group) => [
      `## ${group}`,
      `Written by ${writers[group]}.`,
      ...catalog.filter((entry) => entry.group === group).map(section),
    ]),
  );
}

function section({ type, log, subject, meaning, data, example }: CatalogEntry): string {
  const where = log === 'both' ? 'both logs' : `the log \`${log}\``;
  return `### ${type}\n\n${meaning} In ${where}; subject \`${subject}\`; data: ${data}.\n\n${codeBlock('json', JSON.stringify(example, null, 2))}`;
}

/** As GitHub makes anchors of headings. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
