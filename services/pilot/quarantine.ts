// Finds the event that makes translation fail and records it as quarantined, so that every Pilot and every replay leaves it out.
import type { EventQuarantined } from '../../events/config-facts.ts';
import type { RecordedEvent } from '../../events/envelope.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { SnapshotBuilder } from '../../mesh/snapshot-builder.ts';
import type { FactsSource } from './replay/snapshots-at.ts';

/** Snapshots looked at in one pass over the log: a million events take four passes. */
const samples = 64;

/** What to look for. */
export interface Search {
  readonly source: FactsSource;
  /** Position at which all was well; 0 when none is known. */
  readonly good: number;
  /** Position at which `fails` is true. */
  readonly bad: number;
  fails(snapshot: Snapshot): boolean;
}

/**
 * The event at which failing began: the snapshot before it is well, the one with it is not. Undefined when the failure does not show
 * again, or the empty mesh fails already: then it is no event's fault.
 */
export async function findCulprit(search: Search): Promise<RecordedEvent | undefined> {
  let { good, bad } = search;
  if (bad - good > 1 || good === 0) {
    // Where it is narrowed down, what is known must be true of a fold from nothing too.
    const ends = await check(search, [good, bad]);
    if (ends.get(good) !== false || ends.get(bad) !== true) return undefined;
  }
  while (bad - good > 1) {
    const step = Math.max(1, Math.ceil((bad - good) / (samples + 1)));
    const positions: number[] = [];
    for (let position = good + step; position < bad; position += step) positions.push(position);
    for (const [position, failed] of await check(search, positions)) {
      if (failed) {
        bad = position;
        break;
      }
      good = position;
    }
  }
  for await (const event of search.source.facts.read({ from: bad, to: bad })) return event;
  return undefined;
}

/** Whether it fails at each position, in ascending order, until the first that does. What is quarantined already is left out. */
async function check(search: Search, positions: readonly number[]): Promise<Map<number, boolean>> {
  const { facts, mesh } = search.source;
  const skipped = await quarantinedPositions(facts);
  const builder = new SnapshotBuilder({ ...(mesh && { mesh }) });
  const results = new Map<number, boolean>();
  const wanted = new Set(positions);
  if (wanted.delete(0)) results.set(0, failsAt(builder, search));
  if (results.get(0) || wanted.size === 0) return results;
  for await (const event of facts.read({ to: Math.max(...wanted) })) {
    if (!skipped.has(event.position)) apply(builder, event);
    if (!wanted.has(event.position)) continue;
    const failed = failsAt(builder, search);
    results.set(event.position, failed);
    if (failed) break;
  }
  return results;
}

async function quarantinedPositions(facts: EventLog): Promise<ReadonlySet<number>> {
  const positions = new Set<number>();
  for await (const event of facts.read({ types: ['io.periplus.system.event-quarantined'] })) {
    positions.add((event as unknown as EventQuarantined).data.position);
  }
  return positions;
}

/** An event that can't even be folded is another's search: here it is left out, as the fact reader does. */
function apply(builder: SnapshotBuilder, event: RecordedEvent): void {
  try {
    builder.apply(event);
  } catch {
    // see above
  }
}

function failsAt(builder: SnapshotBuilder, search: Search): boolean {
  try {
    return search.fails(builder.snapshot());
  } catch {
    return true;
  }
}

/** The fact that leaves `culprit` out. Its id follows from the culprit alone: Pilots that find the same one record it once. */
export function quarantineFact(
  culprit: RecordedEvent,
  by: { readonly reason: string; readonly time: string },
): EventQuarantined {
  const { position, id } = culprit;
  return {
    id: `quarantine/${position}`,
    source: '/pilot',
    type: 'io.periplus.system.event-quarantined',
    subject: `system/quarantine/${position}`,
    time: by.time,
    actor: 'system:pilot',
    causes: [id],
    data: { position, id, reason: by.reason.slice(0, 2000).toWellFormed() },
  };
}

/** Whether an event may be quarantined: leaving a quarantine out would bring back what it guards against. */
export function isQuarantinable(event: RecordedEvent): boolean {
  return event.type !== 'io.periplus.system.event-quarantined';
}

/** Appends the quarantine of `culprit`. Rejects as appending does. */
export async function quarantine(facts: EventLog, fact: EventQuarantined): Promise<void> {
  await facts.append([{ event: fact }]);
}
