// Reads WHEN, the way a moment of the log is named everywhere: a position, an RFC 3339 time, or a duration ago such as `-15m`.
import type { Clock } from '../../../lib/clock.ts';
import { MeshError } from '../../../lib/mesh-error.ts';

/** A moment as the user named it. `ago` is relative to the clock of the process that resolves it. */
export type When =
  | { readonly kind: 'now' }
  | { readonly kind: 'position'; readonly position: number }
  | { readonly kind: 'time'; readonly time: string }
  | { readonly kind: 'ago'; readonly agoMs: number };

/** A moment found in a log. */
export interface Moment {
  /** Facts position: the state after this event. */
  readonly position: number;
  /** RFC 3339 in UTC when the moment was named by a time; undefined when it was named by position or is now. */
  readonly time: string | undefined;
}

/** What a reader needs of a log to place a moment in it. */
export interface MomentSource {
  head(): Promise<{ readonly position: number }>;
  positionAt(time: string): Promise<number>;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** How WHEN is written, for error messages and help. */
export const whenSyntax =
  'a position such as 42, an RFC 3339 time such as 2026-11-22T15:04:05Z, or a time ago such as -15m (ms, s, m, h, d; also -1h30m)';

/** Parses WHEN; undefined or `now` is the newest state. Throws MeshError `usage` saying what is expected. */
export function parseWhen(text: string | undefined): When {
  if (text === undefined || text === 'now') return { kind: 'now' };
  if (/^\d{1,15}$/.test(text)) return { kind: 'position', position: Number(text) };
  if (text.startsWith('-')) {
    const agoMs = parseDurationMs(text.slice(1));
    if (agoMs !== undefined) return { kind: 'ago', agoMs };
  }
  if (rfc3339.test(text)) {
    const ms = Date.parse(text);
    if (!Number.isNaN(ms)) return { kind: 'time', time: new Date(ms).toISOString() };
  }
  throw new MeshError('usage', `"${text}" is not a moment: give ${whenSyntax}`);
}

/** Milliseconds of a Go-like duration (`15m`, `1h30m`, `1.5s`), or undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    totalMs += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  }
  return totalMs;
}

/** Finds the moment in `log`. Throws MeshError `not-found` for a position that the log has not reached. */
export async function resolveWhen(when: When, log: MomentSource, clock: Clock): Promise<Moment> {
  switch (when.kind) {
    case 'now':
      return { position: (await log.head()).position, time: undefined };
    case 'position': {
      const head = await log.head();
      if (when.position > head.position) {
        throw new MeshError(
          'not-found',
          `position ${when.position} does not exist yet: the log ends at ${head.position}`,
        );
      }
      return { position: when.position, time: undefined };
    }
    case 'time':
      return { position: await log.positionAt(when.time), time: when.time };
    case 'ago': {
      const time = new Date(clock.nowMs() - when.agoMs).toISOString();
      return { position: await log.positionAt(time), time };
    }
    default:
      return when satisfies never;
  }
}
