// Grafana's dashboards: mesh, service, workload and control plane.
import type { Dashboard, Panel, Query } from './panel.ts';

/** Istio's convention: what clients report counts what never arrived too. */
const bySource = 'reporter="source"';
const byDestination = 'reporter="destination"';

const rate = (series: string, by = '') => `sum${by && ` by (${by})`} (rate(${series}[$__rate_interval]))`;

/** An empty curve of errors is good news: it is drawn as zero. */
function errorShare(selector: string, by = ''): string {
  const all = rate(`istio_requests_total{${selector}}`, by);
  const failed = rate(`istio_requests_total{${selector},response_code=~"0|5.."}`, by);
  return `(${failed} or ${all} * 0) / ${all}`;
}

function quantiles(series: string, selector: string): Query[] {
  return ['0.5', '0.9', '0.99'].map((q) => ({
    expr: `histogram_quantile(${q}, ${rate(`${series}_bucket{${selector}}`, 'le')})`,
    legend: `p${Number(q) * 100}`,
  }));
}

function requestPanels(selector: string, by: string, legend: string): Panel[] {
  const series = `istio_requests_total{${selector}}`;
  return [
    { title: 'Requests', kind: 'timeseries', unit: 'reqps', queries: [{ expr: rate(series, by), legend }] },
    {
      title: 'Failed requests',
      kind: 'timeseries',
      unit: 'percentunit',
      queries: [{ expr: errorShare(selector, by), legend }],
    },
    {
      title: 'Latency',
      kind: 'timeseries',
      unit: 'ms',
      queries: quantiles('istio_request_duration_milliseconds', selector),
    },
    {
      title: 'Response codes',
      kind: 'timeseries',
      unit: 'reqps',
      queries: [{ expr: rate(series, 'response_code'), legend: '{{response_code}}' }],
    },
    { title: 'Request size', kind: 'timeseries', unit: 'bytes', queries: quantiles('istio_request_bytes', selector) },
    { title: 'Response size', kind: 'timeseries', unit: 'bytes', queries: quantiles('istio_response_bytes', selector) },
  ];
}

const mesh: Dashboard = {
  uid: 'periplus-mesh',
  title: 'Periplus mesh',
  variables: [],
  panels: [
    { title: 'Requests', kind: 'stat', unit: 'reqps', queries: [{ expr: rate(`istio_requests_total{${bySource}}`) }] },
    { title: 'Success', kind: 'stat', unit: 'percentunit', queries: [{ expr: `1 - ${errorShare(bySource)}` }] },
    { title: 'Proxies', kind: 'stat', unit: 'short', queries: [{ expr: 'sum(pilot_xds)' }] },
    {
      title: 'Services',
      kind: 'table',
      unit: 'reqps',
      queries: [
        {
          expr: rate(
            `istio_requests_total{${bySource}}`,
            'destination_service, destination_workload, destination_workload_namespace',
          ),
        },
        {
          expr: `histogram_quantile(0.99, ${rate(`istio_request_duration_milliseconds_bucket{${bySource}}`, 'le, destination_service')})`,
        },
      ],
    },
    {
      title: 'Requests by service',
      kind: 'timeseries',
      unit: 'reqps',
      queries: [
        {
          expr: rate(`istio_requests_total{${bySource}}`, 'destination_service_name'),
          legend: '{{destination_service_name}}',
        },
      ],
    },
    {
      title: 'Failed requests by service',
      kind: 'timeseries',
      unit: 'percentunit',
      queries: [{ expr: errorShare(bySource, 'destination_service_name'), legend: '{{destination_service_name}}' }],
    },
    {
      title: 'Mutual TLS',
      kind: 'timeseries',
      unit: 'reqps',
      queries: [
        {
          expr: rate(`istio_requests_total{${byDestination}}`, 'connection_security_policy'),
          legend: '{{connection_security_policy}}',
        },
      ],
    },
    {
      title: 'TCP bytes',
      kind: 'timeseries',
      unit: 'Bps',
      queries: [
        { expr: rate('istio_tcp_sent_bytes_total'), legend: 'sent' },
        { expr: rate('istio_tcp_received_bytes_total'), legend: 'received' },
      ],
    },
    {
      title: 'TCP connections',
      kind: 'timeseries',
      unit: 'cps',
      queries: [
        { expr: rate('istio_tcp_connections_opened_total'), legend: 'opened' },
        { expr: rate('istio_tcp_connections_closed_total'), legend: 'closed' },
      ],
    },
  ],
};

const ofService = `${bySource},destination_service=~"$service"`;

const service: Dashboard = {
  uid: 'periplus-service',
  title: 'Periplus service',
  variables: [{ name: 'service', label: 'destination_service', of: 'istio_requests_total' }],
  panels: [
    ...requestPanels(ofService, 'destination_version', '{{destination_version}}'),
    {
      title: 'Requests by client',
      kind: 'timeseries',
      unit: 'reqps',
      queries: [{ expr: rate(`istio_requests_total{${ofService}}`, 'source_workload'), legend: '{{source_workload}}' }],
    },
    {
      title: 'Latency as the service sees it',
      kind: 'timeseries',
      unit: 'ms',
      queries: quantiles('istio_request_duration_milliseconds', `${byDestination},destination_service=~"$service"`),
    },
  ],
};

const ofWorkload = 'destination_workload=~"$workload",destination_workload_namespace=~"$namespace"';
const fromWorkload = 'source_workload=~"$workload",source_workload_namespace=~"$namespace"';

const workload: Dashboard = {
  uid: 'periplus-workload',
  title: 'Periplus workload',
  variables: [
    { name: 'namespace', label: 'destination_workload_namespace', of: 'istio_requests_total' },
    {
      name: 'workload',
      label: 'destination_workload',
      of: 'istio_requests_total{destination_workload_namespace=~"$namespace"}',
    },
  ],
  panels: [
    ...requestPanels(`${byDestination},${ofWorkload}`, 'source_workload', '{{source_workload}}'),
    {
      title: 'Requests sent',
      kind: 'timeseries',
      unit: 'reqps',
      queries: [
        {
          expr: rate(`istio_requests_total{${bySource},${fromWorkload}}`, 'destination_service_name'),
          legend: '{{destination_service_name}}',
        },
      ],
    },
    {
      title: 'Failed requests sent',
      kind: 'timeseries',
      unit: 'percentunit',
      queries: [
        {
          expr: errorShare(`${bySource},${fromWorkload}`, 'destination_service_name'),
          legend: '{{destination_service_name}}',
        },
      ],
    },
    {
      title: 'Latency of requests sent',
      kind: 'timeseries',
      unit: 'ms',
      queries: quantiles('istio_request_duration_milliseconds', `${bySource},${fromWorkload}`),
    },
  ],
};

const controlPlane: Dashboard = {
  uid: 'periplus-control-plane',
  title: 'Periplus control plane',
  variables: [],
  panels: [
    {
      title: 'Convergence',
      kind: 'timeseries',
      unit: 's',
      description: 'From a fact to each proxy’s acknowledgement of what follows from it.',
      queries: quantiles('pilot_proxy_convergence_time', ''),
    },
    {
      title: 'Pushes',
      kind: 'timeseries',
      unit: 'ops',
      queries: [{ expr: rate('pilot_xds_pushes', 'type'), legend: '{{type}}' }],
    },
    {
      title: 'Rejects',
      kind: 'timeseries',
      unit: 'ops',
      queries: [
        {
          expr: `${rate('pilot_total_xds_rejects', 'type')} or ${rate('pilot_xds_pushes', 'type')} * 0`,
          legend: '{{type}}',
        },
      ],
    },
    {
      title: 'Proxies',
      kind: 'timeseries',
      unit: 'short',
      queries: [{ expr: 'sum by (instance) (pilot_xds)', legend: '{{instance}}' }],
    },
    { title: 'Services', kind: 'stat', unit: 'short', queries: [{ expr: 'max(pilot_services)' }] },
    {
      title: 'Log',
      kind: 'timeseries',
      unit: 'short',
      description: 'Events behind the head of the facts log.',
      queries: [
        { expr: 'max(pilot_snapshot_position) - min(pilot_snapshot_position)', legend: 'apart' },
        { expr: rate('pilot_events_folded_total'), legend: 'folded a second' },
      ],
    },
    {
      title: 'Bytes pushed',
      kind: 'timeseries',
      unit: 'Bps',
      queries: [{ expr: rate('pilot_xds_pushed_bytes_total', 'type'), legend: '{{type}}' }],
    },
    {
      title: 'CPU',
      kind: 'timeseries',
      unit: 'short',
      queries: [{ expr: 'sum by (job) (rate(process_cpu_seconds_total[$__rate_interval]))', legend: '{{job}}' }],
    },
    {
      title: 'Memory',
      kind: 'timeseries',
      unit: 'bytes',
      queries: [{ expr: 'sum by (job) (process_resident_memory_bytes)', legend: '{{job}}' }],
    },
    {
      title: 'Trouble',
      kind: 'timeseries',
      unit: 'short',
      queries: [
        { expr: 'sum(pilot_events_quarantined_total) or vector(0)', legend: 'quarantined events' },
        { expr: 'sum(pilot_translation_failures_total) or vector(0)', legend: 'failed translations' },
        { expr: 'sum(pilot_log_failures_total) or vector(0)', legend: 'log failures' },
      ],
    },
    {
      title: 'Restarts of Envoy',
      kind: 'timeseries',
      unit: 'short',
      queries: [{ expr: 'sum(periplus_agent_envoy_starts_total)', legend: 'starts' }],
    },
  ],
};

/** All dashboards, by the names of their files. */
export const dashboards: Readonly<Record<string, Dashboard>> = {
  mesh,
  service,
  workload,
  'control-plane': controlPlane,
};
