// What the Telemetries of a proxy add up to, for its client or its server side (istio.io/latest/docs/reference/config/telemetry). Pure.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import { durationMs } from '../../../../mesh/config/quantities.ts';
import type { AccessLogging, Metrics, TelemetrySpec, Tracing } from '../../../../mesh/config/schemas/telemetry.ts';
import { type StandardMetric, standardMetrics } from '../../../../mesh/telemetry/metric-tags.ts';

/** Traffic that a workload sends, or that it receives. Gateways report as clients. */
export type Side = 'CLIENT' | 'SERVER';

/** One provider's access log; `filter` is CEL. */
export interface LogChoice {
  readonly provider: string;
  readonly filter: string | undefined;
}

/** What is changed about one metric. */
export interface MetricChoice {
  readonly isDisabled: boolean;
  /** CEL by tag; undefined: the tag is removed. */
  readonly tags: ReadonlyMap<string, string | undefined>;
}

/** Tracing, merged field by field. */
export type TracingChoice = Omit<Tracing, 'match' | 'providers'> & { readonly provider: string | undefined };

/** Access logs of the side: undefined where no Telemetry speaks of them and the mesh's `accessLogFile` decides. */
export function accessLogChoices(
  specs: readonly TelemetrySpec[],
  side: Side,
  mesh: MeshConfig,
): readonly LogChoice[] | undefined {
  const defaults = mesh.defaultProviders?.accessLogging ?? [];
  const levels = specs.flatMap(({ accessLogging }) => (accessLogging?.length ? [accessLogging] : []));
  if (levels.length === 0) return defaults.length === 0 ? undefined : defaults.map(choiceWithout);
  const chosen = new Map<string, LogChoice>();
  let inherited = defaults.length === 0 ? [builtinLog] : defaults;
  for (const level of levels) {
    const own = level.filter((one) => isFor(one, side));
    // A level that names providers replaces those of the wider ones.
    if (own.some(({ providers }) => providers?.length)) chosen.clear();
    for (const logging of own) inherited = choose(logging, inherited, chosen);
  }
  return [...chosen.values()];
}

function choose(logging: AccessLogging, inherited: readonly string[], chosen: Map<string, LogChoice>) {
  const named = (logging.providers ?? []).map(({ name }) => name);
  const providers = named.length > 0 ? named : inherited;
  for (const provider of providers) {
    if (logging.disabled === true) chosen.delete(provider);
    else chosen.set(provider, { provider, filter: logging.filter?.expression || undefined });
  }
  return providers;
}

const choiceWithout = (provider: string): LogChoice => ({ provider, filter: undefined });

/** Istio's built-in provider: text to `/dev/stdout`. */
export const builtinLog = 'envoy';

/** Metrics of the side. Metrics without an entry are as Istio has them. */
export function metricChoices(specs: readonly TelemetrySpec[], side: Side): ReadonlyMap<StandardMetric, MetricChoice> {
  const choices = new Map<StandardMetric, { isDisabled: boolean; tags: Map<string, string | undefined> }>();
  for (const { overrides } of specs.flatMap(({ metrics }) => metrics ?? [])) {
    for (const override of (overrides ?? []).filter((one) => isFor(one, side))) {
      for (const metric of metricsOf(override)) {
        const choice = choices.get(metric) ?? { isDisabled: false, tags: new Map() };
        if (override.disabled !== undefined) choice.isDisabled = override.disabled;
        for (const [tag, { operation, value }] of Object.entries(override.tagOverrides ?? {}))
          choice.tags.set(tag, operation === 'REMOVE' ? undefined : value);
        choices.set(metric, choice);
      }
    }
  }
  return choices;
}

/** Names of the providers of metrics: the narrowest level's that names any, else the mesh's, else Prometheus. */
export function metricProviders(specs: readonly TelemetrySpec[], mesh: MeshConfig): readonly string[] {
  const named = specs.flatMap(({ metrics }) => {
    const names = (metrics ?? []).flatMap(({ providers }) => (providers ?? []).map(({ name }) => name));
    return names.length > 0 ? [names] : [];
  });
  return named.at(-1) ?? mesh.defaultProviders?.metrics ?? ['prometheus'];
}

/** Istio's default (istio.io/latest/docs/reference/config/telemetry/#Metrics). */
const defaultReportingMs = 5_000;
/** Envoy's least for its timers; anything near it is a burden for nothing. */
const leastReportingMs = 100;

/** Time between two reports of a TCP connection that is open, in ms: the narrowest level's that has one. */
export function reportingIntervalMs(specs: readonly TelemetrySpec[]): number {
  const named = specs.flatMap(({ metrics }) =>
    (metrics ?? []).flatMap(({ reportingInterval }) => reportingInterval ?? []),
  );
  const ms = durationMs(named.at(-1) ?? '') ?? defaultReportingMs;
  return Math.max(ms, leastReportingMs);
}

function metricsOf({ match }: NonNullable<Metrics['overrides']>[number]): readonly StandardMetric[] {
  if (match?.customMetric !== undefined) return [];
  const { metric = 'ALL_METRICS' } = match ?? {};
  return metric === 'ALL_METRICS' ? standardMetrics : [metric];
}

/** Tracing of the side: undefined where no provider is named. */
export function tracingChoice(
  specs: readonly TelemetrySpec[],
  side: Side,
  mesh: MeshConfig,
): TracingChoice | undefined {
  let merged: TracingChoice = { provider: mesh.defaultProviders?.tracing?.[0] };
  for (const tracing of specs.flatMap((spec) => spec.tracing?.slice(0, 1) ?? [])) {
    if (!isFor(tracing, side)) continue;
    const { match: _, providers, ...fields } = tracing;
    merged = { ...merged, ...fields, provider: providers?.[0]?.name ?? merged.provider };
  }
  return merged.provider === undefined ? undefined : merged;
}

function isFor({ match }: { readonly match?: { readonly mode?: string } }, side: Side): boolean {
  const mode = match?.mode ?? 'CLIENT_AND_SERVER';
  return mode === 'CLIENT_AND_SERVER' || mode === side;
}
