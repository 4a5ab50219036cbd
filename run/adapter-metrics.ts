// Metrics of the adapters that this process runs.
import type { AdapterStatus } from '../adapters/adapter-status.ts';
import { formatMetrics, type Metric } from '../lib/prometheus-text.ts';

/** In Prometheus's text form; empty without adapters. */
export function adapterMetrics(statuses: readonly (AdapterStatus | undefined)[], nowMs: number): string {
  const known = statuses.filter((status) => status !== undefined);
  if (known.length === 0) return '';
  const gauge = (name: string, help: string, value: (status: AdapterStatus) => number | undefined): Metric => ({
    name,
    help,
    type: 'gauge',
    samples: known.flatMap((status) => {
      const number = value(status);
      const labels = { platform: status.platform, instance: status.instance };
      return number === undefined ? [] : [{ labels, value: number }];
    }),
  });
  const ageSeconds = (time: string | undefined) =>
    time === undefined ? undefined : (nowMs - Date.parse(time)) / 1_000;
  return formatMetrics([
    gauge('periplus_adapter_up', 'Whether the adapter can read its platform', ({ state }) =>
      state === 'synced' || state === 'standby' ? 1 : 0,
    ),
    gauge('periplus_adapter_standby', 'Whether another replica writes and this one stands by', ({ state }) =>
      state === 'standby' ? 1 : 0,
    ),
    gauge('periplus_adapter_held', 'Things that vanished at once and are kept for now', (status) => status.heldCount),
    gauge('periplus_adapter_dampened', 'Flapping things whose newest state waits', (status) => status.dampenedCount),
    gauge('periplus_adapter_problems', 'Parts of the platform that can not be used', ({ problems }) => problems.size),
    gauge('periplus_adapter_read_age_seconds', 'Time since the platform last said something', ({ readAt }) =>
      ageSeconds(readAt),
    ),
    gauge('periplus_adapter_change_age_seconds', 'Time since something the platform shows changed', ({ changedAt }) =>
      ageSeconds(changedAt),
    ),
  ]);
}
