// Prometheus text exposition (prometheus.io/docs/instrumenting/exposition_formats) of what the control plane knows about itself.

/** One sample; labels in the order in which they are written. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its samples. Names follow the units in Prometheus's naming guide: `_total`, `_bytes`, `_seconds`. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly Sample[];
}

/** The text form of `metrics`, in their order. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics.map(formatMetric).join('');
}

function formatMetric(metric: Metric): string {
  const samples = metric.samples.map((sample) => `${metric.name}${formatLabels(sample.labels)} ${sample.value}\n`);
  return `# HELP ${metric.name} ${metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${metric.name} ${metric.type}\n${samples.join('')}`;
}

function formatLabels(labels: Sample['labels']): string {
  const pairs = Object.entries(labels ?? {}).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
