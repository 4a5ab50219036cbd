// What several cases share: resources that they all need, and fair comparisons of counted answers.
import assert from 'node:assert/strict';
import type { TrafficPolicy } from '../../mesh/config/schemas/destination-rule.ts';
import { destinationRule, type Manifest } from './resources.ts';

/** A rule's destination: all requests to `other`. */
export const toOther = { route: [{ destination: { host: 'other' } }] };
/** A rule's destination: all requests to `echo`. */
export const toEcho = { route: [{ destination: { host: 'echo' } }] };

/** The subsets v1, v2 and v3 of `echo`. */
export function versions(trafficPolicy?: TrafficPolicy): Manifest {
  return destinationRule('echo', {
    host: 'echo',
    ...(trafficPolicy && { trafficPolicy }),
    subsets: ['v1', 'v2', 'v3'].map((version) => ({ name: version, labels: { version } })),
  });
}

/**
 * That `name` has about `share` of all answers: within five standard deviations of a fair coin, which a right configuration misses
 * once in a million runs.
 */
export function assertShare(counted: Readonly<Record<string, number>>, name: string, share: number): void {
  const total = Object.values(counted).reduce((sum, count) => sum + count, 0);
  const actual = (counted[name] ?? 0) / total;
  const tolerance = 5 * Math.sqrt((share * (1 - share)) / total);
  assert.ok(
    Math.abs(actual - share) <= tolerance,
    `${name}: ${actual}, expected ${share} ± ${tolerance.toFixed(3)}; ${JSON.stringify(counted)}`,
  );
}

/** That something took so long, in ms. */
export function assertBetween(value: number, least: number, most: number, what = 'duration'): void {
  assert.ok(value >= least && value <= most, `${what}: ${value}, expected ${least} to ${most}`);
}

/** Changes of health within a second of another reach Envoy's workers together, at its end (`update_merge_window`). */
export function ejection(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_100));
}
