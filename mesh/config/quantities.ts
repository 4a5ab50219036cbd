// Durations and percentages as Istio writes them; shared by validation and translation.

const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const durationForm = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const durationPart = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/**
 * Milliseconds of a Go or protobuf JSON duration: `5s`, `1h2m3.5s`, `0.25s`, `100ms`, `0`. Undefined when it is not one. Parts of a
 * millisecond are kept as a fraction.
 */
export function durationMs(text: string): number | undefined {
  if (!durationForm.test(text)) return undefined;
  let ns = 0;
  for (const [, amount, unit] of text.matchAll(durationPart))
    ns += Math.round(Number(amount) * (unitNs[unit ?? ''] ?? 0));
  const ms = ns / 1e6;
  return text.startsWith('-') ? -ms : ms;
}

/** Prints milliseconds so that `durationMs` reads the same number: `250ms`, `5s`, `1.5s`. */
export function durationText(ms: number): string {
  return Math.abs(ms) < 1000 && ms !== 0 ? `${ms}ms` : `${ms / 1000}s`;
}

/**
 * Numerator of an Envoy FractionalPercent with denominator MILLION for a percentage from 0 to 100: what Istio sends for Percent
 * (type/v3/percent.proto).
 */
export function millionths(percent: number): number {
  return Math.round(percent * 10_000);
}

/** The number of `12.5%` or `12.5`; undefined when it is neither or not within 0 to 100. */
export function percentValue(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)%?$/.exec(text);
  const value = Number(match?.[1] ?? Number.NaN);
  return value >= 0 && value <= 100 ? value : undefined;
}
