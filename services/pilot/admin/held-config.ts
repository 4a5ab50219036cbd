// What one proxy held at a moment, resource by resource: which contents from the deliveries log, their bytes by translating again.
import type { RecordedEvent } from '../../../events/envelope.ts';
import type { EventLog } from '../../../events/event-log.ts';
import { type HeldResource, type HeldResources, heldProjection } from '../../../mesh/held-resources.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { EncodedResource, Translation, TypeUrl } from '../translate/translation.ts';

/** Until when: a time counts what was acknowledged by then, a position what was made from facts up to it. */
export type HeldUntil = { readonly time: string } | { readonly position: number } | 'now';

/** Folds what `proxyId` held. */
export async function readHeld(log: EventLog, proxyId: string, until: HeldUntil): Promise<HeldResources> {
  const to = typeof until === 'object' && 'time' in until ? await log.positionAt(until.time) : undefined;
  const projection = heldProjection(proxyId);
  let state = projection.init();
  for await (const event of log.read(to === undefined ? {} : { to })) {
    if (!isLater(event, until)) state = projection.evolve(state, event);
  }
  return state.held;
}

/** A push of facts behind the position: the proxy got it, but not by then. Its acknowledgement then answers nothing. */
function isLater(event: RecordedEvent, until: HeldUntil): boolean {
  if (until === 'now' || !('position' in until) || event.type !== 'io.periplus.delivery.pushed') return false;
  return (event.data as { readonly position: number }).position > until.position;
}

/** The way from a position to its resources. */
export interface HeldSources {
  /** Where most of what is held can be found: tried first. */
  readonly position: number;
  readonly context: ProxyContext;
  readonly snapshotAt: (position: number) => Promise<Snapshot>;
  readonly translate: (snapshot: Snapshot, context: ProxyContext) => Translation;
}

/** What was found. `missing` should be empty: anything else means that translation is not what it was when it was sent. */
export interface FoundResources {
  readonly resources: ReadonlyMap<string, readonly EncodedResource[]>;
  readonly missing: readonly string[];
}

/** Finds each held content: at the moment's own position, then at those of the pushes that brought what is left, newest first. */
export async function findHeld(held: HeldResources, sources: HeldSources): Promise<FoundResources> {
  const found = new Map<string, Map<string, EncodedResource>>();
  let wanted: readonly Wanted[] = [...held].flatMap(([typeUrl, names]) =>
    [...names].map(([name, resource]) => ({ typeUrl, name, ...resource })),
  );
  const takeFrom = async (position: number) => {
    const translation = sources.translate(await sources.snapshotAt(position), sources.context);
    wanted = wanted.filter((want) => !take(found, want, translation));
  };
  if (wanted.length > 0) await takeFrom(sources.position);
  const missing: Wanted[] = [];
  while (wanted.length > 0) {
    const position = Math.max(...wanted.map((want) => want.position));
    await takeFrom(position);
    // One content that can't be found must not hide the others.
    missing.push(...wanted.filter((want) => want.position === position));
    wanted = wanted.filter((want) => want.position !== position);
  }
  return { resources: inOrder(found), missing: missing.map(({ typeUrl, name }) => `${typeUrl} ${name}`) };
}

type Wanted = HeldResource & { readonly typeUrl: string; readonly name: string };

/** Moves a wanted content to `found` when the translation has exactly it. */
function take(found: Map<string, Map<string, EncodedResource>>, want: Wanted, translation: Translation): boolean {
  const resource = translation.resources(want.typeUrl as TypeUrl).get(want.name);
  if (resource?.version !== want.version) return false;
  const names = found.get(want.typeUrl) ?? new Map<string, EncodedResource>();
  found.set(want.typeUrl, names.set(want.name, resource));
  return true;
}

function inOrder(
  found: ReadonlyMap<string, ReadonlyMap<string, EncodedResource>>,
): ReadonlyMap<string, readonly EncodedResource[]> {
  const byName = (a: EncodedResource, b: EncodedResource) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return new Map([...found].map(([typeUrl, names]) => [typeUrl, [...names.values()].sort(byName)]));
}
