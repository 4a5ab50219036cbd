// Judges how much of what a platform had shown may vanish in one step and still be believed.
import type { Observed } from './adapter.ts';

/** How many things of one kind a step found, took away and added. */
export interface KindLoss {
  readonly kind: Observed['kind'];
  /** What the source says exists, without what is already held. */
  readonly before: number;
  readonly lost: number;
  readonly added: number;
}

/** A step that would deregister `lost` of the `before` things that the source says exist. */
export interface Loss {
  readonly source: string;
  readonly scopes: readonly string[];
  readonly before: number;
  readonly lost: number;
  /** Only kinds that lose something. */
  readonly kinds: readonly KindLoss[];
  /** When it was seen, in milliseconds since the epoch. */
  readonly timeMs: number;
}

/** Judges a loss: `hold` keeps everything that vanished in this step until it returns or is released. */
export type LossPolicy = (loss: Loss) => 'apply' | 'hold';

/** What is still believed. */
export interface SuddenLossLimits {
  /** Largest part of a kind that may vanish, 0 to 1. */
  readonly fraction: number;
  /** So many may vanish whatever part that is: in a small registry one of three is 33 %, and an everyday event. */
  readonly count: number;
  /** Steps closer together than this count together where more went than came: a wipe in small steps is a wipe. */
  readonly windowMs: number;
}

/** 15 % and 4 things: fewer than 5 things lost are no catastrophe, and a rolling update takes out less at once. */
export const defaultLossLimits: SuddenLossLimits = { fraction: 0.15, count: 4, windowMs: 5_000 };

/**
 * Holds a step that leaves nothing of a kind, or takes more than `fraction` of it and more than `count`. Kinds are judged apart, so
 * that many resources can't hide the loss of all endpoints. One policy belongs to one runner: it remembers recent steps.
 */
export function holdSuddenLoss(limits: SuddenLossLimits = defaultLossLimits): LossPolicy {
  const recent = new Map<Observed['kind'], { readonly timeMs: number; readonly before: number }[]>();
  const isSudden = ({ kind, before, lost, added }: KindLoss, timeMs: number): boolean => {
    const steps = (recent.get(kind) ?? []).filter((step) => timeMs - step.timeMs < limits.windowMs);
    recent.set(kind, [...steps, { timeMs, before }]);
    const peak = Math.max(before, ...steps.map((step) => step.before));
    const tooMany = (of: number, gone: number) => gone > Math.max(limits.count, of * limits.fraction);
    return before + added - lost <= 0 || tooMany(before, lost) || tooMany(peak, peak - (before + added - lost));
  };
  return ({ kinds, timeMs }) => (kinds.map((kind) => isSudden(kind, timeMs)).some(Boolean) ? 'hold' : 'apply');
}
