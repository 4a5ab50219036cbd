// The handlers that are told afterwards: what Mixer takes its built-in kinds of reports from.
import { fluentd } from './fluentd.ts';
import type { HandlerKind } from './handler.ts';
import { kafka } from './kafka.ts';
import { otlp } from './otlp.ts';
import { type Exposition, prometheusKind } from './prometheus.ts';
import { statsd } from './statsd.ts';
import { stdio } from './stdio.ts';

/** All of them; Prometheus's show their metrics on `exposition`. Parameters are checked by the adapters' schemas before. */
export function reportHandlers(exposition: Exposition): readonly HandlerKind<never>[] {
  return [prometheusKind(exposition), stdio, statsd, fluentd, otlp, kafka];
}
