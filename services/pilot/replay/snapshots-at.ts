// Snapshots of the mesh at many past positions, from one pass over the facts.
import type { EventLog } from '../../../events/event-log.ts';
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { SnapshotBuilder } from '../../../mesh/snapshot-builder.ts';

/** Events between two reports of progress. */
const progressEvery = 10_000;

/** Where the facts are and how to fold them. */
export interface FactsSource {
  readonly facts: EventLog;
  readonly mesh?: MeshConfig;
  /** Called now and then with the position folded to. */
  readonly onProgress?: (position: number) => void;
}

/**
 * The snapshot at each of `positions`, in ascending order, duplicates left out. Positions beyond the log's head are not given;
 * position 0 is the empty mesh. Rejects as reading the log does.
 */
export async function* snapshotsAt(source: FactsSource, positions: Iterable<number>): AsyncGenerator<Snapshot> {
  const wanted = [...new Set(positions)].sort((a, b) => a - b);
  const last = wanted.at(-1);
  if (last === undefined) return;
  const builder = new SnapshotBuilder({ ...(source.mesh && { mesh: source.mesh }) });
  let next = 0;
  if (wanted[0] === 0) {
    yield builder.snapshot();
    next = 1;
  }
  if (next === wanted.length) return;
  for await (const event of source.facts.read({ to: last })) {
    builder.apply(event);
    if (event.position % progressEvery === 0) source.onProgress?.(event.position);
    if (event.position !== wanted[next]) continue;
    yield builder.snapshot();
    next++;
  }
}

/** The snapshot at `position`; the newest one there is when that lies beyond the head. */
export async function snapshotAt(source: FactsSource, position: number): Promise<Snapshot> {
  const head = await source.facts.head();
  for await (const snapshot of snapshotsAt(source, [Math.min(position, head.position)])) return snapshot;
  return new SnapshotBuilder({ ...(source.mesh && { mesh: source.mesh }) }).snapshot();
}
