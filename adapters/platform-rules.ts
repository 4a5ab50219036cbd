// How far a platform is believed: what its runner does about sudden losses and things that come and go.
import { holdSuddenLoss, type LossPolicy } from './loss-policy.ts';

/** How far a platform is believed. Without them everything is: a user who removes files means it. */
export interface PlatformRules {
  /** Judges what vanishes; belongs to one runner. */
  readonly lossPolicy: LossPolicy;
  /** How long a loss is held, in milliseconds. 10 minutes by default: time for people to look, and for a platform to come back. */
  readonly holdMs: number;
  /** What comes and goes is said at most once in so many milliseconds; 0 by default. */
  readonly flapWindowMs: number;
}

/** The rules for platforms that can fail: Kubernetes, Consul, Nomad, Docker. */
export function platformRules(): PlatformRules {
  return { lossPolicy: holdSuddenLoss(), holdMs: defaultHoldMs, flapWindowMs: 5_000 };
}

/** See `PlatformRules.holdMs`. */
export const defaultHoldMs = 600_000;
