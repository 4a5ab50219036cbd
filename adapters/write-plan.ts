// Decides, for every difference that a runner sees, whether it is said now, later or not at all. Changes nothing itself.
import type { ReleaseReason } from '../events/adapter-facts.ts';
import type { Append } from '../events/event-log.ts';
import type { Observed } from './adapter.ts';
import { appendOf, type Difference, sameJson } from './diff.ts';
import { type Fact, observedIn } from './fact.ts';
import type { FlapDamper, Movement } from './flap-damper.ts';
import type { KindLoss, LossPolicy } from './loss-policy.ts';
import type { PendingWrite, PendingWrites } from './pending-writes.ts';
import type { SourceMemory } from './source-memory.ts';

/** What a plan is made from. */
export interface PlanContext {
  readonly memory: SourceMemory;
  readonly pending: PendingWrites;
  readonly damper: FlapDamper;
  /** Absent: every loss is believed. */
  readonly lossPolicy: LossPolicy | undefined;
  readonly nowMs: number;
  readonly actor: string;
  /** When what is held from now on is released: sooner than `nowMs` means at once. */
  readonly releaseMs: number;
}

/** What to do. Carried out only when the log has taken `now`. */
export interface WritePlan {
  /** What exists before what is gone. */
  readonly now: readonly Append[];
  readonly later: readonly PendingWrite[];
  /** Subjects that no longer wait. */
  readonly settled: readonly string[];
  /** Subjects that moved since they were last seen, and whether a change of them is said now. */
  readonly moved: ReadonlyMap<string, boolean>;
  /** A new loss that is held. */
  readonly held: { readonly before: number; readonly lost: number; readonly examples: readonly string[] } | undefined;
  readonly released: ReadonlyMap<ReleaseReason, number>;
}

/** A loss that may yet have to be judged. */
interface Gone {
  readonly append: Append;
  readonly observed: Observed;
  readonly scope: string;
  readonly time: string;
}

class PlanDraft {
  readonly registered: Append[] = [];
  readonly deregistered: Append[] = [];
  readonly later: PendingWrite[] = [];
  readonly settled: string[] = [];
  readonly moved = new Map<string, boolean>();
  readonly released = new Map<ReleaseReason, number>();
  /** Losses to be judged together. */
  readonly fresh: Gone[] = [];
  readonly added = new Map<Observed['kind'], number>();

  add({ type, data }: { readonly type: string; readonly data: unknown }): void {
    const kind = observedIn(type, data)?.kind ?? 'config';
    this.added.set(kind, (this.added.get(kind) ?? 0) + 1);
  }

  release(reason: ReleaseReason): void {
    this.released.set(reason, (this.released.get(reason) ?? 0) + 1);
  }
}

/** The plan for `difference`, which `contents` (whole scopes) made. */
export function planDifference(
  context: PlanContext,
  difference: Difference,
  step: {
    readonly scopes: ReadonlySet<string>;
    readonly keepMissing: boolean;
    readonly explicit: (gone: Observed) => boolean;
  },
): WritePlan {
  const draft = new PlanDraft();
  for (const append of difference.registered)
    planRegistered(context, draft, append, difference.claims.get(append.event.subject) ?? '');
  if (!step.keepMissing) for (const append of difference.deregistered) planGone(context, draft, append, step.explicit);
  planReturned(context, draft, difference, step);
  return judged(context, draft, [...step.scopes]);
}

/** The plan for what waited until now: `due`, after other writers' facts have been read. `requestedBy`: the event that asked for it. */
export function planDue(context: PlanContext, due: readonly PendingWrite[], requestedBy?: string): WritePlan {
  const { memory, actor } = context;
  const draft = new PlanDraft();
  for (const write of due) {
    const { fact, scope, reason, isGone, time } = write;
    draft.settled.push(fact.subject);
    const said = memory.said.get(fact.subject);
    const held = reason === 'held';
    // What was held happened long ago; that it is believed now is what the log has to say.
    const at = held ? new Date(context.nowMs).toISOString() : time;
    const causes = requestedBy === undefined ? [] : [requestedBy];
    const append = appendOf(memory, fact, { scope, actor, time: at, causes });
    if (!isOpen(memory, write)) {
      if (held) draft.release('returned');
    } else if (!isGone) {
      draft.registered.push(append);
      draft.moved.set(fact.subject, said !== undefined);
      if (!said) draft.add(fact);
    } else if (held) {
      draft.deregistered.push(append);
      draft.release(requestedBy === undefined ? 'time' : 'request');
    } else if (said) draft.fresh.push({ append, observed: said.observed, scope, time });
  }
  return judged(context, draft, [...new Set(due.map(({ scope }) => scope))].sort());
}

/** Whether the log does not say yet what `write` would. */
function isOpen(memory: SourceMemory, { fact, isGone }: PendingWrite): boolean {
  const said = memory.said.get(fact.subject);
  return isGone ? said !== undefined : !said || !sameJson(said.observed.value, fact.data);
}

function planRegistered(context: PlanContext, draft: PlanDraft, append: Append, scope: string): void {
  const { memory, pending, damper, nowMs } = context;
  const { subject, type, data, time } = append.event;
  const kind = observedIn(type, data)?.kind ?? 'config';
  const movement: Movement = memory.said.has(subject) ? 'changed' : 'added';
  const waiting = pending.get(subject);
  const isSame = waiting !== undefined && !waiting.isGone && sameJson(waiting.fact.data, data);
  const write = { fact: { type, subject, data }, scope, isGone: false, time } as const;
  if (isSame && waiting.dueMs > nowMs) return;
  if (waiting?.reason === 'held') draft.release('returned');
  const dueMs = isSame ? undefined : damper.dueMs(subject, movement, { kind, nowMs });
  draft.moved.set(subject, dueMs === undefined && movement === 'changed');
  if (dueMs !== undefined && dueMs > nowMs) draft.later.push({ ...write, reason: 'flapping', dueMs });
  else {
    draft.registered.push(append);
    if (movement === 'added') draft.add(append.event);
    if (waiting) draft.settled.push(subject);
  }
}

function planGone(context: PlanContext, draft: PlanDraft, append: Append, explicit: (gone: Observed) => boolean): void {
  const { memory, pending, damper, nowMs } = context;
  const { subject, type, data, time } = append.event;
  const said = memory.said.get(subject);
  if (!said) return;
  const { observed, scope } = said;
  const waiting = pending.get(subject);
  const write = { fact: { type, subject, data }, scope, isGone: true, time } as const;
  const isKnown = waiting?.isGone === true;
  if (explicit(observed)) {
    if (waiting?.reason === 'held') draft.release('explicit');
    if (waiting) draft.settled.push(subject);
    draft.deregistered.push(append);
    draft.moved.set(subject, false);
    return;
  }
  if (isKnown && waiting.dueMs > nowMs) return;
  if (isKnown && waiting.reason === 'held') {
    draft.release('time');
    draft.settled.push(subject);
    draft.deregistered.push(append);
    return;
  }
  const dueMs = isKnown ? undefined : damper.dueMs(subject, 'gone', { kind: observed.kind, nowMs });
  draft.moved.set(subject, false);
  if (dueMs !== undefined) draft.later.push({ ...write, reason: 'flapping', dueMs });
  else draft.fresh.push({ append, observed, scope, time });
}

/** What waited and is now as the log has it: it came back, or changed back. */
function planReturned(
  { pending }: PlanContext,
  draft: PlanDraft,
  { registered, deregistered, claims }: Difference,
  { scopes }: { readonly scopes: ReadonlySet<string> },
): void {
  const differing = new Set([...registered, ...deregistered].map(({ event }) => event.subject));
  for (const { fact, scope, reason } of pending.all()) {
    if (differing.has(fact.subject) || !(scopes.has(scope) || claims.has(fact.subject))) continue;
    draft.settled.push(fact.subject);
    draft.moved.set(fact.subject, false);
    if (reason === 'held') draft.release('returned');
  }
}

function judged(context: PlanContext, draft: PlanDraft, scopes: readonly string[]): WritePlan {
  const { fresh } = draft;
  const isHeld = fresh.length > 0 && isTooSudden(context, draft, scopes) && context.releaseMs > context.nowMs;
  const before = isHeld ? liveCount(context) : 0;
  for (const { append, scope, time } of fresh) {
    const { subject } = append.event;
    if (isHeld)
      draft.later.push({ fact: factOf(append), scope, isGone: true, time, reason: 'held', dueMs: context.releaseMs });
    else {
      draft.deregistered.push(append);
      draft.settled.push(subject);
    }
  }
  const waitsAgain = new Set(draft.later.map(({ fact }) => fact.subject));
  return {
    now: [...draft.registered, ...draft.deregistered],
    later: draft.later,
    settled: draft.settled.filter((subject) => !waitsAgain.has(subject)),
    moved: draft.moved,
    held: isHeld
      ? { before, lost: fresh.length, examples: fresh.slice(0, 20).map(({ append }) => append.event.subject) }
      : undefined,
    released: draft.released,
  };
}

function isTooSudden({ memory, pending, lossPolicy, nowMs }: PlanContext, draft: PlanDraft, scopes: readonly string[]) {
  if (!lossPolicy) return false;
  const counts = new Map<Observed['kind'], { before: number; lost: number }>();
  for (const { observed } of draft.fresh) {
    const count = counts.get(observed.kind) ?? { before: 0, lost: 0 };
    counts.set(observed.kind, { ...count, lost: count.lost + 1 });
  }
  // What this step takes out on purpose, or believes at last, is not there to be lost: the rest of it may still be everything.
  const settled = new Set(draft.deregistered.map(({ event }) => event.subject));
  for (const [subject, { observed }] of memory.said) {
    const count = counts.get(observed.kind);
    if (count && pending.get(subject)?.reason !== 'held' && !settled.has(subject)) count.before++;
  }
  const kinds = [...counts].map(([kind, count]): KindLoss => ({ kind, ...count, added: draft.added.get(kind) ?? 0 }));
  const before = kinds.reduce((sum, kind) => sum + kind.before, 0);
  const loss = { source: memory.source, scopes, before, lost: draft.fresh.length, kinds, timeMs: nowMs };
  return lossPolicy(loss) === 'hold';
}

function liveCount({ memory, pending }: PlanContext): number {
  return memory.said.size - pending.of('held').length;
}

function factOf({ event: { type, subject, data } }: Append): Fact {
  return { type, subject, data };
}
