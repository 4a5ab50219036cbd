// The Prometheus handler: adds metric instances up and serves them on Mixer's own metrics page, which Prometheus scrapes.
import { durationMs } from '../../../mesh/config/quantities.ts';
import type { PrometheusParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { isNamed, mapOf, numberOf, textOf } from './field-values.ts';
import type { Handler, HandlerKind, HandlerMeans, Instance } from './handler.ts';

type MetricParams = NonNullable<PrometheusParams['metrics']>[number];

/** Series that one handler keeps: a dimension that a client chooses must not fill the memory. About 5 MB. */
const maxSeries = 10_000;
/** Durations are shown in seconds, as Mixer did and Prometheus advises. */
const msPerSecond = 1_000;
/** Mixer's default: the buckets of Prometheus's own clients, which suit seconds. */
const defaultBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a page of metrics is put together from; handlers come and go while Mixer runs. */
export class Exposition {
  readonly #sources = new Map<string, () => string>();

  /** A later source of the same name takes the place of the former. */
  add(name: string, text: () => string): void {
    this.#sources.set(name, text);
  }

  /** Takes `text` away again, if it is still the one of that name. */
  remove(name: string, text: () => string): void {
    if (this.#sources.get(name) === text) this.#sources.delete(name);
  }

  /** All sources, in the order in which they came. */
  text(): string {
    return [...this.#sources.values()].map((source) => source()).join('');
  }
}

/** The kind, whose handlers show themselves on `exposition`. */
export function prometheusKind(exposition: Exposition): HandlerKind<PrometheusParams> {
  return {
    name: 'prometheus',
    templates: ['metric'],
    create: (params, means) => new PrometheusHandler(params, means, exposition),
  };
}

interface Series {
  readonly labels: string;
  count: number;
  sum: number;
  /** Of a distribution: cumulated only when shown. */
  readonly buckets: number[];
  updatedMs: number;
}

interface Family {
  readonly params: MetricParams;
  readonly name: string;
  readonly bounds: readonly number[];
  readonly series: Map<string, Series>;
}

/** See the file's first line. */
export class PrometheusHandler implements Handler {
  readonly #families: readonly Family[];
  readonly #means: HandlerMeans;
  readonly #exposition: Exposition;
  readonly #expiryMs: number | undefined;
  #dropped = 0;

  constructor(
    { metrics = [], metricsExpirationPolicy }: PrometheusParams,
    means: HandlerMeans,
    exposition: Exposition,
  ) {
    this.#means = means;
    this.#exposition = exposition;
    this.#families = metrics.map((params) => ({
      params,
      name: `${sanitized(params.namespace || 'istio')}_${sanitized(params.name || params.instanceName || '')}`,
      bounds: boundsOf(params.buckets),
      series: new Map(),
    }));
    const expiry = metricsExpirationPolicy?.metricsExpiryDuration;
    this.#expiryMs = expiry === undefined ? undefined : durationMs(expiry);
  }

  async report(batch: readonly Instance[]): Promise<void> {
    for (const instance of batch)
      for (const family of this.#families)
        if (isNamed(instance, family.params.instanceName || family.params.name || '')) this.#add(family, instance);
  }

  async run(signal: AbortSignal): Promise<void> {
    const text = () => this.text();
    this.#exposition.add(this.#means.name, text);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#exposition.remove(this.#means.name, text);
  }

  #add(family: Family, { fields, valueType }: Instance): void {
    const { params, series } = family;
    const dimensions = mapOf(fields.dimensions);
    const labels = (params.labelNames ?? [])
      .map((label) => `${sanitized(label)}="${escaped(textOf(dimensions[label]))}"`)
      .join();
    let one = series.get(labels);
    if (one === undefined) {
      if (this.#families.reduce((sum, all) => sum + all.series.size, 0) >= maxSeries) {
        this.#dropped++;
        return;
      }
      series.set(labels, (one = { labels, count: 0, sum: 0, buckets: family.bounds.map(() => 0), updatedMs: 0 }));
    }
    const value = (numberOf(fields.value) ?? 0) / (valueType === 'DURATION' ? msPerSecond : 1);
    one.updatedMs = this.#means.clock.nowMs();
    one.count++;
    one.sum = params.kind === 'GAUGE' ? value : one.sum + value;
    const bucket = family.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) one.buckets[bucket] = (one.buckets[bucket] ?? 0) + 1;
  }

  /** The page as of now. */
  text(): string {
    if (this.#expiryMs !== undefined) this.#expire(this.#means.clock.nowMs() - this.#expiryMs);
    const lost = 'mixer_prometheus_handler_series_dropped_total';
    return [
      ...this.#families.flatMap(familyLines),
      `# TYPE ${lost} counter`,
      `${lost}{handler="${this.#means.name}"} ${this.#dropped}`,
      '',
    ].join('\n');
  }

  #expire(beforeMs: number): void {
    for (const { series } of this.#families)
      for (const [key, { updatedMs }] of series) if (updatedMs < beforeMs) series.delete(key);
  }
}

function familyLines({ name, params, bounds, series }: Family): string[] {
  const kind = params.kind ?? 'COUNTER';
  const type = kind === 'DISTRIBUTION' ? 'histogram' : kind === 'GAUGE' ? 'gauge' : 'counter';
  const description = params.description || params.name || params.instanceName || name;
  const help = `# HELP ${name} ${description.replaceAll('\n', ' ')}`;
  const samples = [...series.values()].flatMap((one) => {
    if (type !== 'histogram') return [`${name}${braced(one.labels)} ${one.sum}`];
    const join = one.labels === '' ? '' : ',';
    let cumulated = 0;
    const buckets = bounds.map((bound, i) => {
      cumulated += one.buckets[i] ?? 0;
      return `${name}_bucket{${one.labels}${join}le="${bound}"} ${cumulated}`;
    });
    const last = `${name}_bucket{${one.labels}${join}le="+Inf"} ${one.count}`;
    return [
      ...buckets,
      last,
      `${name}_sum${braced(one.labels)} ${one.sum}`,
      `${name}_count${braced(one.labels)} ${one.count}`,
    ];
  });
  return [help, `# TYPE ${name} ${type}`, ...samples];
}

/** Mixer's three ways to say where buckets end (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters/prometheus). */
function boundsOf(buckets: MetricParams['buckets']): readonly number[] {
  if (buckets?.explicitBuckets) return [...(buckets.explicitBuckets.bounds ?? [])].sort((a, b) => a - b);
  if (buckets?.linearBuckets) {
    const { numFiniteBuckets = 0, width = 1, offset = 0 } = buckets.linearBuckets;
    return Array.from({ length: bounded(numFiniteBuckets) + 1 }, (_, i) => offset + width * i);
  }
  if (buckets?.exponentialBuckets) {
    const { numFiniteBuckets = 0, growthFactor = 2, scale = 1 } = buckets.exponentialBuckets;
    return Array.from({ length: bounded(numFiniteBuckets) + 1 }, (_, i) => scale * growthFactor ** i);
  }
  return defaultBounds;
}

/** More than a hundred buckets are of no use, and each is a series. */
const bounded = (count: number) => Math.min(Math.max(0, count), 100);

/** As Mixer names series: a leading slash and all dashes go, slashes, dots and blanks become `_`; so does what Prometheus does not take. */
const sanitized = (name: string) =>
  name
    .replace(/^\//, '')
    .replaceAll('-', '')
    .replaceAll(/[^a-zA-Z0-9_]/g, '_');
const escaped = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const braced = (labels: string) => (labels === '' ? '' : `{${labels}}`);
