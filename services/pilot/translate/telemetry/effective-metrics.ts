// What Telemetries change about the metrics of a proxy's client or server side (istio.io/latest/docs/reference/config/telemetry/#Metrics). Pure.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { durationMs } from '../../../../mesh/config/quantities.ts';
import type { Metrics, TelemetrySpec } from '../../../../mesh/config/schemas/telemetry.ts';
import { type StandardMetric, standardMetrics } from '../../../../mesh/telemetry/metric-tags.ts';
import { isFor, type Side } from './effective-telemetry.ts';
import { providerName } from './providers.ts';

/** What is changed about one metric. */
export interface MetricChoice {
  readonly isDisabled: boolean;
  /** CEL by tag; undefined: the tag is removed. */
  readonly tags: ReadonlyMap<string, string | undefined>;
}

/** Istio's default (istio.io/latest/docs/reference/config/telemetry/#Metrics). */
const defaultReportingMs = 5_000;
/** Envoy's least for its timers; anything near it is a burden for nothing. */
const leastReportingMs = 100;

/** The name of the provider that is Prometheus, among those that the last entry with providers names, else the mesh's, else Istio's own. */
export function prometheusProvider(specs: readonly TelemetrySpec[], mesh: MeshConfig): string | undefined {
  const named = entriesOf(specs).flatMap(({ providers }) => (providers?.length ? [providers] : []));
  const names = named.at(-1)?.map(({ name }) => providerName(name, mesh)) ?? defaultsOf(mesh);
  return names.find((name) => isPrometheus(name, mesh));
}

/** Entries that are for the provider: those that name it, and those without providers that come after such. */
export function metricsFor(provider: string, specs: readonly TelemetrySpec[], mesh: MeshConfig): readonly Metrics[] {
  let inherited = defaultsOf(mesh);
  return entriesOf(specs).filter(({ providers }) => {
    if (providers?.length) inherited = providers.map(({ name }) => providerName(name, mesh));
    return inherited.includes(provider);
  });
}

/** Metrics of the side. Metrics without an entry are as Istio has them. As in Istio any later override takes "all off" back. */
export function metricChoices(entries: readonly Metrics[], side: Side): ReadonlyMap<StandardMetric, MetricChoice> {
  const choices = new Map<StandardMetric, { isDisabled: boolean; tags: Map<string, string | undefined> }>();
  let isAllOff = false;
  for (const override of entries.flatMap(({ overrides }) => overrides ?? []).filter((one) => isFor(one, side))) {
    isAllOff = isAllMetrics(override) && override.disabled === true;
    if (isAllOff) continue;
    for (const metric of metricsOf(override)) {
      const choice = choices.get(metric) ?? { isDisabled: false, tags: new Map() };
      if (override.disabled !== undefined) choice.isDisabled = override.disabled;
      for (const [tag, { operation, value }] of Object.entries(override.tagOverrides ?? {}))
        choice.tags.set(tag, operation === 'REMOVE' ? undefined : value);
      choices.set(metric, choice);
    }
  }
  if (!isAllOff) return choices;
  return new Map(standardMetrics.map((metric) => [metric, { isDisabled: true, tags: new Map() }]));
}

/** Time between two reports of a TCP connection that is open, in ms: the last entry's that has one. */
export function reportingIntervalMs(entries: readonly Metrics[]): number {
  const named = entries.flatMap(({ reportingInterval }) => reportingInterval ?? []);
  const ms = durationMs(named.at(-1) ?? '') ?? defaultReportingMs;
  return Math.max(ms, leastReportingMs);
}

function entriesOf(specs: readonly TelemetrySpec[]): readonly Metrics[] {
  return specs.flatMap(({ metrics }) => metrics ?? []);
}

function defaultsOf(mesh: MeshConfig): readonly string[] {
  return (mesh.defaultProviders?.metrics ?? ['prometheus']).map((name) => providerName(name, mesh));
}

/** Istio's built-in provider, or one that is configured to be Prometheus. */
function isPrometheus(name: string, { extensionProviders = [] }: MeshConfig): boolean {
  const provider = extensionProviders.find((one) => one.name === name);
  return provider === undefined ? name === 'prometheus' : provider.prometheus !== undefined;
}

type Override = NonNullable<Metrics['overrides']>[number];

function isAllMetrics({ match }: Override): boolean {
  return match?.customMetric === undefined && (match?.metric ?? 'ALL_METRICS') === 'ALL_METRICS';
}

function metricsOf(override: Override): readonly StandardMetric[] {
  if (isAllMetrics(override)) return standardMetrics;
  const { customMetric, metric } = override.match ?? {};
  return customMetric !== undefined || metric === undefined || metric === 'ALL_METRICS' ? [] : [metric];
}
