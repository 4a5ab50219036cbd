// `periplus slo`: the service-level objectives, when each was breached, and what changed around then; or their rules for Prometheus.
import type { Command } from 'commander';
import type { RecordedEvent } from '../../events/envelope.ts';
import type { ConfigResource } from '../../events/model.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import { printYamlValue } from '../../mesh/config/print.ts';
import type { ServiceLevelObjectiveSpec } from '../../mesh/config/schemas/slo.ts';
import { type Breach, breachesOf, type FiringSeries, leadMs, withEvents } from '../../mesh/slo/breaches.ts';
import { burnRateRules } from '../../mesh/slo/burn-rate-rules.ts';
import { type Objective, objectiveOf } from '../../mesh/slo/objective.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import {
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { eventLine } from '../events-table.ts';
import { json, table } from '../output.ts';
import { askPrometheus } from '../prometheus.ts';

interface SloOptions extends SharedOptions {
  readonly prometheus: string;
  readonly rules?: boolean;
  readonly hours: string;
}

/** Points of an answer: Prometheus gives at most 11,000. */
const maxSteps = 1_000;
/** Events beside one breach, in tables. */
const maxEvents = 20;

/** The command. */
export function sloCommand(context: CliContext): Command {
  const command = newCommand('slo')
    .description('service-level objectives, their breaches, and what changed around each')
    .option('--prometheus <url>', 'where the rules are evaluated', 'http://127.0.0.1:9090')
    .option('--hours <count>', 'how far to look back', '24')
    .option('--rules', 'print the objectives as rules for Prometheus instead')
    .action((options: SloOptions) => run(context, options));
  return withExamples(withOutput(withServer(command)), [
    ['periplus slo', 'objectives and the breaches of a day'],
    ['periplus slo --rules > rules/slo.yaml', 'burn-rate alerts, to be loaded by Prometheus'],
  ]);
}

async function run(context: CliContext, options: SloOptions): Promise<void> {
  const client = clientOf(context, options);
  const query = { kind: 'ServiceLevelObjective' };
  const { items } = await client.get<ListResponse<ConfigResource<ServiceLevelObjectiveSpec>>>('/api/v1/config', query);
  const objectives = items.map(objectiveOf);
  if (options.rules) return context.io.out(printYamlValue(burnRateRules(objectives)));
  const hours = Number(options.hours);
  if (!(hours > 0)) throw new MeshError('usage', `--hours ${options.hours}: expected a number above 0`);
  const endMs = context.io.clock.nowMs();
  const startMs = endMs - hours * 3_600_000;
  const stepMs = Math.max(15_000, Math.ceil((endMs - startMs) / maxSteps));
  const series = objectives.length === 0 ? [] : await firing(options.prometheus, { startMs, endMs, stepMs });
  const spans = breachesOf(series, { stepMs, endMs });
  const from = new Date(Math.min(endMs, ...spans.map(({ fromMs }) => fromMs)) - leadMs).toISOString();
  const facts =
    spans.length === 0
      ? []
      : (await client.get<ListResponse<RecordedEvent>>('/api/v1/events', { log: 'facts', from, limit: 1000 })).items;
  const breaches = withEvents(spans, facts, endMs);
  if (options.output === 'json') return context.io.out(json({ objectives, breaches }));
  context.io.out(shown(objectives, breaches));
}

/** Alerts that fired. Rejects with MeshError `unavailable` when Prometheus does not answer. */
async function firing(
  prometheus: string,
  range: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
): Promise<readonly FiringSeries[]> {
  const series = await askPrometheus(prometheus, 'query_range', {
    query: 'ALERTS{alertname="ServiceLevelObjectiveBurn",alertstate="firing"}',
    start: String(range.startMs / 1000),
    end: String(range.endMs / 1000),
    step: String(range.stepMs / 1000),
  });
  return series.map(({ metric, values }) => ({
    slo: metric.slo ?? '',
    severity: metric.severity ?? '',
    timesMs: values.map(([seconds]) => seconds * 1000),
  }));
}

function shown(objectives: readonly Objective[], breaches: readonly Breach[]): string {
  if (objectives.length === 0) return 'no service-level objectives: apply a ServiceLevelObjective\n';
  const rows = objectives.map(({ id, host, target, windowMs, thresholdMs }) => {
    const own = breaches.filter(({ slo }) => slo === id);
    const state = own.some(({ toMs }) => toMs === undefined) ? 'BURNING' : 'ok';
    const what = thresholdMs === undefined ? 'availability' : `latency ${thresholdMs} ms`;
    return [id, host, what, `${target} %`, `${windowMs / 3_600_000} h`, state, String(own.length)];
  });
  const head = ['OBJECTIVE', 'SERVICE', 'OF', 'TARGET', 'WINDOW', 'STATE', 'BREACHES'];
  return table(head, rows) + breaches.map(breachText).join('');
}

function breachText({ slo, severity, fromMs, toMs, events }: Breach): string {
  const until = toMs === undefined ? 'now' : new Date(toMs).toISOString();
  const head = `\n${slo}: ${severity} from ${new Date(fromMs).toISOString()} to ${until}\n`;
  if (events.length === 0) return `${head}    nothing changed in configuration or registry then\n`;
  const more = events.length > maxEvents ? `    … and ${events.length - maxEvents} before\n` : '';
  return (
    head +
    more +
    events
      .slice(-maxEvents)
      .map((event) => `    ${eventLine(event)}`)
      .join('')
  );
}
