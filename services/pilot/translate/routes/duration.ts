// Istio's duration strings and milliseconds as protobuf durations.
import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import { durationMs } from '../../../../mesh/config/quantities.ts';

/** A duration of `ms` milliseconds; fractions go down to nanoseconds. */
export function durationOfMs(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) });
}

/** A duration from a validated string such as `1h`, `2.5s` or `500us`; none at all is no time. */
export function durationOf(text: string): Duration {
  return durationOfMs(durationMs(text) ?? 0);
}
