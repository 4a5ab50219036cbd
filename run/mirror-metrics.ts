// Metrics of the mirrors that this process runs.
import type { MirrorStatus } from '../events/mirror/mirror.ts';
import { formatMetrics, type Metric } from '../lib/prometheus-text.ts';

/** In Prometheus's text form; empty without mirrors. */
export function mirrorMetrics(statuses: readonly MirrorStatus[]): string {
  if (statuses.length === 0) return '';
  const metric = (
    [name, type, help]: readonly [string, Metric['type'], string],
    value: (status: MirrorStatus) => number,
  ): Metric => ({
    ...{ name, type, help },
    samples: statuses.map((status) => ({ labels: { log: status.log }, value: value(status) })),
  });
  return formatMetrics([
    metric(
      ['periplus_mirror_up', 'gauge', 'Whether events are being copied; 0 also for one that stands by'],
      (status) => (status.state === 'copying' ? 1 : 0),
    ),
    metric(
      [
        'periplus_mirror_position',
        'gauge',
        'Everything up to this position is in the copy, as far as this process knows',
      ],
      ({ position }) => position,
    ),
    metric(
      ['periplus_mirror_lag_events', 'gauge', 'Events of the log that are not known to be in the copy'],
      (status) => Math.max(0, status.headPosition - status.position),
    ),
    metric(
      ['periplus_mirror_sent_events_total', 'counter', 'Events sent, repetitions included'],
      (status) => status.sentEvents,
    ),
    metric(['periplus_mirror_failures_total', 'counter', 'Times that mirroring broke off'], ({ failures }) => failures),
  ]);
}
