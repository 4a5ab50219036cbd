// Service-level objectives as Prometheus rules: alerts on how fast the allowed errors are used up, each over a long and a short window (sre.google/workbook/alerting-on-slos). Pure.
import type { Objective } from './objective.ts';

/** One rule of a group: a series that is recorded, or an alert. */
export type Rule =
  | { readonly record: string; readonly expr: string; readonly labels: Readonly<Record<string, string>> }
  | {
      readonly alert: string;
      readonly expr: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    };

/** A file of rules (prometheus.io/docs/prometheus/latest/configuration/recording_rules). */
export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

const hourMs = 3_600_000;

/** Share of the whole window's errors that is used up within the long window when an alert fires; the workbook's table. */
const alerts = [
  { share: 0.02, long: '1h', longMs: hourMs, short: '5m', severity: 'page' },
  { share: 0.05, long: '6h', longMs: 6 * hourMs, short: '30m', severity: 'page' },
  { share: 0.1, long: '1d', longMs: 24 * hourMs, short: '2h', severity: 'ticket' },
  { share: 0.1, long: '3d', longMs: 72 * hourMs, short: '6h', severity: 'ticket' },
] as const;

/** The rules of all `objectives`, one group each. */
export function burnRateRules(objectives: readonly Objective[]): RuleFile {
  return { groups: objectives.map((objective) => ({ name: `slo ${objective.id}`, rules: rulesOf(objective) })) };
}

function rulesOf(objective: Objective): readonly Rule[] {
  const labels = { slo: objective.id, service: objective.host };
  const budget = (100 - objective.target) / 100;
  const used = alerts.filter(({ share, longMs }) => factorOf(share, objective.windowMs, longMs) >= 1);
  const windows = [...new Set(used.flatMap(({ long, short }) => [long, short]))];
  return [
    ...windows.map((window) => ({ record: seriesOf(window), expr: badShare(objective, window), labels })),
    { record: 'slo:error_budget:ratio', expr: `vector(${rounded(budget)})`, labels },
    ...used.map(({ share, long, longMs, short, severity }) => {
      const limit = rounded(factorOf(share, objective.windowMs, longMs) * budget);
      const over = (window: string) => `${seriesOf(window)}{slo="${objective.id}"} > ${limit}`;
      const what = objective.thresholdMs === undefined ? 'fail' : `take longer than ${objective.thresholdMs} ms`;
      return {
        alert: 'ServiceLevelObjectiveBurn',
        expr: `${over(long)} and ${over(short)}`,
        labels: { ...labels, severity, long_window: long },
        annotations: {
          summary: `${objective.host}: too many requests ${what}`,
          description: `At this rate ${share * 100} % of what ${objective.id} allows in its window is used up within ${long}.`,
        },
      };
    }),
  ];
}

/** How many times faster than evenly the errors are used up. Below 1 they would last, so no alert is due. */
function factorOf(share: number, windowMs: number, longMs: number): number {
  return (share * windowMs) / longMs;
}

const seriesOf = (window: string) => `slo:error_ratio:rate${window}`;

/** What clients report, so that requests that never arrived count; without a request nothing is bad. */
function badShare({ host, thresholdMs }: Objective, window: string): string {
  const selector = `reporter="source",destination_service="${host}"`;
  const rate = (series: string) => `sum(rate(${series}[${window}]))`;
  if (thresholdMs === undefined) {
    const all = rate(`istio_requests_total{${selector}}`);
    const bad = rate(`istio_requests_total{${selector},response_code=~"0|5.."}`);
    return `(${bad} or ${all} * 0) / (${all} > 0)`;
  }
  const buckets = 'istio_request_duration_milliseconds';
  const good = rate(`${buckets}_bucket{${selector},le="${thresholdMs}"}`);
  return `1 - ${good} / (${rate(`${buckets}_count{${selector}}`)} > 0)`;
}

/** Without the noise of binary fractions. */
const rounded = (value: number) => Number(value.toPrecision(10));
