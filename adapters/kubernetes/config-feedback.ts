// What the adapter is told of its configuration after it is in the log, to write it into `.status`: findings, and how far the proxies are.
import type { Problem } from '../../mesh/config/problem.ts';

/** How far the proxies are as to a position of the facts log. */
export interface Distribution {
  /** Connected ones, of all Pilots. */
  readonly proxies: number;
  /** How many of them do not hold it yet. */
  readonly waiting: number;
  /** Some of these, by name. */
  readonly laggards: readonly string[];
  /** What others refused of the position or a later one, one entry a proxy. */
  readonly refusals: readonly Refusal[];
}

/** One proxy's refusal. */
export interface Refusal {
  readonly proxy: string;
  readonly message: string;
  /** Subjects of the facts that it came from; empty while that is not known. */
  readonly subjects: readonly string[];
}

/** Implemented where Pilot's side is known (run/config-feedback.ts); the adapter only asks. */
export interface ConfigFeedback {
  /** The newest position of the facts log. */
  readonly position: () => Promise<number>;
  /** See Distribution. */
  readonly distribution: (position: number) => Distribution;
  /** Findings across resources as of a position; undefined before the log has been read. */
  readonly findings: () => Findings | undefined;
}

/** See ConfigFeedback. */
export interface Findings {
  readonly position: number;
  /** By `Kind/namespace/name`. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>;
}
