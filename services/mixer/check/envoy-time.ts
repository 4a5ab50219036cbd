// Times of Envoy's messages as attributes have them: milliseconds, with fractions.
import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';

/** Milliseconds since 1970. */
export function timeMs(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : Number(time.seconds) * 1_000 + time.nanos / 1e6;
}

/** Milliseconds that a span lasts. */
export function spanMs(span: Duration | undefined): number | undefined {
  return span === undefined ? undefined : Number(span.seconds) * 1_000 + span.nanos / 1e6;
}
