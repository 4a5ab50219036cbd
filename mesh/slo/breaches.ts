// When an objective's alert fired, and what changed around then. Pure.
import type { RecordedEvent } from '../../events/envelope.ts';

/** A time in which an alert fired without a gap. */
export interface Breach {
  readonly slo: string;
  readonly severity: string;
  readonly fromMs: number;
  /** Undefined: it still fires. */
  readonly toMs: number | undefined;
  /** Configuration and registry events shortly before and during it, in order. */
  readonly events: readonly RecordedEvent[];
}

/** Samples of one alert series: times in ms at which it fired. */
export interface FiringSeries {
  readonly slo: string;
  readonly severity: string;
  readonly timesMs: readonly number[];
}

/** What is looked at before a breach: alerts need minutes to fire, and a change needs some to show. */
export const leadMs = 30 * 60_000;

/** The breaches of one or more series of one objective and severity; a gap of more than two steps ends one. */
export function breachesOf(
  series: readonly FiringSeries[],
  range: { readonly stepMs: number; readonly endMs: number },
): readonly Omit<Breach, 'events'>[] {
  const groups = Map.groupBy(series, ({ slo, severity }) => `${slo} ${severity}`);
  return [...groups.values()]
    .flatMap((group) => {
      const times = [...new Set(group.flatMap(({ timesMs }) => timesMs))].sort((a, b) => a - b);
      const spans: { fromMs: number; toMs: number }[] = [];
      for (const time of times) {
        const last = spans.at(-1);
        if (last !== undefined && time - last.toMs <= 2 * range.stepMs) last.toMs = time;
        else spans.push({ fromMs: time, toMs: time });
      }
      const [{ slo, severity } = { slo: '', severity: '' }] = group;
      return spans.map(({ fromMs, toMs }) => ({
        ...{ slo, severity, fromMs },
        toMs: range.endMs - toMs <= 2 * range.stepMs ? undefined : toMs,
      }));
    })
    .sort((a, b) => a.fromMs - b.fromMs);
}

/** Puts the events of `facts` that people or platforms made beside each breach. */
export function withEvents(
  breaches: readonly Omit<Breach, 'events'>[],
  facts: readonly RecordedEvent[],
  endMs: number,
): readonly Breach[] {
  return breaches.map((breach) => ({
    ...breach,
    events: facts.filter(({ subject, time }) => {
      const atMs = Date.parse(time);
      const isOf = subject.startsWith('config/') || subject.startsWith('registry/');
      return isOf && atMs >= breach.fromMs - leadMs && atMs <= (breach.toMs ?? endMs);
    }),
  }));
}
