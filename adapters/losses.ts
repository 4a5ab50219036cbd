// What a runner says in the log about losses that it holds, and what it knows of that after a restart.
import {
  type AdapterFact,
  type AdapterIdentity,
  lossesSubject,
  type ReleaseReason,
  releaseSubject,
} from '../events/adapter-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import { eventId } from '../events/event-id.ts';
import type { Append } from '../events/event-log.ts';
import type { SourceMemory } from './source-memory.ts';
import type { WritePlan } from './write-plan.ts';

/** A loss that was held when an earlier run of the adapter ended. */
export interface OpenLoss {
  readonly held: number;
  readonly releaseMs: number;
  /** Id of the event that asked for its release meanwhile. */
  readonly requestedBy?: string;
}

/** The loss that is open after `event`, when `open` was before it. Other adapters' events and other types change nothing. */
export function foldLoss(
  open: OpenLoss | undefined,
  event: RecordedEvent,
  adapter: AdapterIdentity,
): OpenLoss | undefined {
  const fact = event as unknown as AdapterFact;
  if (event.subject === releaseSubject(adapter)) return open && { ...open, requestedBy: event.id };
  if (event.subject !== lossesSubject(adapter)) return open;
  if (fact.type === 'io.periplus.registry.loss-held')
    return { held: fact.data.held, releaseMs: Date.parse(fact.data.releaseAt) };
  if (fact.type !== 'io.periplus.registry.loss-released') return open;
  return fact.data.held > 0 && open ? { ...open, held: fact.data.held } : undefined;
}

/** Why a loss that was held before a restart no longer is. */
export function reasonOf(open: OpenLoss, nowMs: number): ReleaseReason {
  if (open.requestedBy !== undefined) return 'request';
  return open.releaseMs <= nowMs ? 'time' : 'returned';
}

/** The facts to append with `plan`, about what is held and released by it. `heldBefore`: how many things were held. */
export function lossFacts(
  plan: Pick<WritePlan, 'held' | 'released'>,
  of: {
    readonly adapter: AdapterIdentity;
    readonly memory: SourceMemory;
    readonly heldBefore: number;
    readonly releaseAt: string;
    readonly actor: string;
    readonly time: string;
  },
): readonly Append[] {
  const { platform, instance } = of.adapter;
  const subject = lossesSubject(of.adapter);
  let held = of.heldBefore;
  const facts: { readonly type: string; readonly data: unknown }[] = [];
  for (const [reason, released] of plan.released) {
    held -= released;
    facts.push(releasedFact(of.adapter, { released, held, reason }));
  }
  if (plan.held) {
    const { before, lost, examples } = plan.held;
    const data = { platform, instance, before, lost, held: held + lost, releaseAt: of.releaseAt, examples };
    facts.push({ type: 'io.periplus.registry.loss-held', data });
  }
  const { source } = of.memory;
  return facts.map((fact, index) => {
    const expectedVersion = of.memory.version(subject) + index;
    const id = eventId({ source, subject, revision: expectedVersion, content: fact });
    return {
      event: { id, source, subject, ...fact, actor: of.actor, time: of.time, causes: [] },
      expectedVersion,
    };
  });
}

function releasedFact(
  { platform, instance }: AdapterIdentity,
  data: { readonly released: number; readonly held: number; readonly reason: ReleaseReason },
) {
  return { type: 'io.periplus.registry.loss-released', data: { platform, instance, ...data } };
}
