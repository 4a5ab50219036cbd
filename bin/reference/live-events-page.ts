// docs/reference/live-events.md: what is published on core NATS subjects, from the catalog.
import { catalog } from '../../events/catalog.ts';
import type { CatalogEntry } from '../../events/catalog-entry.ts';
import { cloudEventType, encodeCloudEvent } from '../../events/cloud-event.ts';
import { liveSubject } from '../../events/logs/jetstream-live.ts';
import { defaultMesh } from '../../events/logs/jetstream-url.ts';
import { codeBlock, markdownTable, page } from './markdown.ts';

/** The page. */
export function liveEventsPage(): string {
  return page(
    '# Live events',
    `With \`--log nats://…\` one Pilot publishes every event, once it is recorded, on a core NATS subject, in the structured mode of CloudEvents’ NATS protocol binding: the message is the event in CloudEvents’ JSON format, its header \`content-type\` is \`${cloudEventType}\`. Anything that speaks NATS can watch, with the role \`reader\` of \`periplus nats keys\`:`,
    codeBlock(
      'sh',
      "nats sub 'mesh.>'                                        # everything\nnats sub 'mesh.facts.io.periplus.config.>'                # changes of configuration\nnats sub 'mesh.deliveries.io.periplus.delivery.rejected.>' # what proxies refuse",
    ),
    'The subject is `mesh.LOG.TYPE.SUBJECT`: the log (`facts` or `deliveries`), the event’s type, and its subject with `.` for `/`; what a NATS token can’t hold is percent-encoded, a dot as `%2E`. A mesh of another name than `periplus` has `mesh-NAME` for `mesh`.',
    'Who watches gets what is published while it is there, in the order of the log. After a change of the publisher, or of the NATS server, events of about the last second may come again: their `id` is the same, and `position` (a decimal text) ascends within a log. What was missed is in the log: `periplus events --from POSITION`. `causes` is a JSON text. An event that is larger than a NATS message may be comes without its data and with `dataref`, the admin API’s path to it. Publishing is no part of recording: it holds nothing up, and a publisher that lags says so in `periplus_mirror_position`.',
    markdownTable(
      ['type', 'NATS subject', 'what happened'],
      catalog.flatMap((entry) =>
        logsOf(entry).map((log) => [
          `[${entry.type}](#${anchor(entry.type)})`,
          `\`${patternOf(entry, log)}\``,
          entry.meaning,
        ]),
      ),
    ),
    ...catalog.map(section),
  );
}

function section(entry: CatalogEntry): string {
  const subjects = logsOf(entry).map((log) => `\`${patternOf(entry, log)}\``);
  return `## ${entry.type}\n\n${entry.meaning} Subject ${subjects.join(' and ')}; data: ${entry.data}.\n\n${codeBlock('json', exampleOf(entry))}`;
}

const logsOf = ({ log }: CatalogEntry) => (log === 'both' ? ['facts', 'deliveries'] : [log]);

/** The catalog's subject may say more behind a blank. */
const patternOf = ({ type, subject }: CatalogEntry, log: string) =>
  liveSubject(defaultMesh, log, { type, subject: subject.split(' ')[0] ?? '' });

function exampleOf({ type, subject, example }: CatalogEntry): string {
  const event = encodeCloudEvent({
    specversion: '1.0',
    id: 'f2Zb0Yw3nXq7Hk1Vd9sLtA',
    source: '/example',
    type,
    subject: subject.split(' ')[0] ?? '',
    time: '2026-11-22T15:00:00.000Z',
    actor: 'user:anna',
    causes: [],
    data: example,
    position: 120,
    version: 1,
    previousHash: '',
  });
  return JSON.stringify(JSON.parse(event), null, 2);
}

const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
