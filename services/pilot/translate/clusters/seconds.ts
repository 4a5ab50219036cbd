// Durations for Envoy fields that count whole seconds.
import { durationOf } from '../routes/duration.ts';

/** Seconds of a validated duration such as `75s`; fractions are dropped, as Istio drops them. */
export function wholeSeconds(text: string): number {
  return Number(durationOf(text).seconds);
}
