// The handlers that are told afterwards: what Mixer takes its built-in kinds of reports from.
import { type EventWriter, eventlogKind } from './eventlog.ts';
import { fluentd } from './fluentd.ts';
import type { HandlerKind } from './handler.ts';
import { kafka } from './kafka.ts';
import { otlp } from './otlp.ts';
import { type Exposition, prometheusKind } from './prometheus.ts';
import { statsd } from './statsd.ts';
import { stdio } from './stdio.ts';

/** All of them; Prometheus's show their metrics on `exposition`, eventlog's write to `events`. Parameters are checked by the adapters' schemas before. */
export function reportHandlers(exposition: Exposition, events: EventWriter): readonly HandlerKind<never>[] {
  return [prometheusKind(exposition), eventlogKind(events), stdio, statsd, fluentd, otlp, kafka];
}
