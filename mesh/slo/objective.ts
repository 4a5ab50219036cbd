// A ServiceLevelObjective in numbers: host, share of bad requests that is allowed, window, threshold. Pure.
import type { ConfigResource } from '../../events/model.ts';
import { durationMs } from '../config/quantities.ts';
import { fullHostname } from '../config/resolve-host.ts';
import type { ServiceLevelObjectiveSpec } from '../config/schemas/slo.ts';

/** See the file's first line. */
export interface Objective {
  /** `NAMESPACE/NAME` of the resource. */
  readonly id: string;
  readonly host: string;
  /** Percent of the requests that must be good. */
  readonly target: number;
  readonly windowMs: number;
  /** Undefined: availability is meant. */
  readonly thresholdMs: number | undefined;
}

/** Four weeks and two days: a month, as service-level objectives usually have it. */
export const defaultWindow = '30d';

const unitsMs: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `30d`, `12h`, `4w` in ms; undefined for other texts. */
export function windowMs(text: string): number | undefined {
  const match = /^([1-9]\d{0,3})([hdw])$/.exec(text);
  return match ? Number(match[1]) * (unitsMs[match[2] ?? ''] ?? 0) : undefined;
}

/**
 * Ends of the buckets that Envoy counts durations in, in ms, as far as a person waits: between them nobody knows how many
 * requests there were.
 */
export const latencyBucketsMs: readonly number[] = [
  1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
];

/** The objective of a valid resource. */
export function objectiveOf({ namespace, name, spec }: ConfigResource<ServiceLevelObjectiveSpec>): Objective {
  return {
    id: `${namespace}/${name}`,
    host: fullHostname(spec.service, namespace),
    target: spec.target,
    windowMs: windowMs(spec.window ?? defaultWindow) ?? 0,
    thresholdMs: spec.latency ? durationMs(spec.latency.threshold) : undefined,
  };
}
