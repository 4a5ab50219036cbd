// Tables of configuration resources and of the registry, with the columns that kubectl's and istioctl's users know.
import type { ConfigResource, Endpoint, Workload } from '../events/model.ts';
import type { ServiceItem } from '../services/pilot/admin/routes-registry.ts';
import { age, labels, orDash, plainStyle, type Style, table } from './output.ts';

/** How a table is drawn. `namespaces`: with a column for them. */
export interface TableOptions {
  readonly namespaces: boolean;
  readonly nowMs: number;
  readonly style?: Style;
}

/** Fields of a kind's spec worth a column (the CRDs' additionalPrinterColumns). */
const columns: Readonly<Record<string, readonly (readonly [heading: string, field: string])[]>> = {
  VirtualService: [
    ['GATEWAYS', 'gateways'],
    ['HOSTS', 'hosts'],
  ],
  DestinationRule: [['HOST', 'host']],
  Gateway: [],
  ServiceEntry: [
    ['HOSTS', 'hosts'],
    ['LOCATION', 'location'],
    ['RESOLUTION', 'resolution'],
  ],
  WorkloadEntry: [['ADDRESS', 'address']],
  AuthorizationPolicy: [['ACTION', 'action']],
  PeerAuthentication: [['MODE', 'mtls']],
};

/** Resources of one kind. */
export function configTable(kind: string, resources: readonly ConfigResource[], options: TableOptions): string {
  const fields = columns[kind] ?? [];
  const headings = [...(options.namespaces ? ['NAMESPACE'] : []), 'NAME', ...fields.map(([heading]) => heading), 'AGE'];
  const rows = resources.map((resource) => [
    ...(options.namespaces ? [resource.namespace] : []),
    resource.name,
    ...fields.map(([, field]) => cell((resource.spec as Readonly<Record<string, unknown>> | null)?.[field])),
    age(resource.createdAt, options.nowMs),
  ]);
  return table(headings, rows, options.style);
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '-';
  return typeof value === 'string' ? orDash(value) : JSON.stringify(value);
}

/** Services with their ports and how many endpoints can take traffic. */
export function servicesTable(services: readonly ServiceItem[], options: TableOptions): string {
  const rows = services.map((service) => [
    ...(options.namespaces ? [service.namespace] : []),
    service.name,
    service.hostname,
    service.platform,
    orDash(service.ports.map((port) => `${port.port}/${port.protocol}`).join(',')),
    `${service.healthyCount}/${service.endpointCount}`,
    age(service.createdAt, options.nowMs),
  ]);
  const headings = [
    ...(options.namespaces ? ['NAMESPACE'] : []),
    'NAME',
    'HOSTNAME',
    'PLATFORM',
    'PORTS',
    'HEALTHY',
    'AGE',
  ];
  return table(headings, rows, options.style);
}

/** One port of one endpoint: what a client connects to. */
export interface EndpointRow {
  readonly service: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly portName: string;
  readonly health: string;
  readonly platform: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly clusterId?: string;
  readonly weight?: number;
  readonly locality?: string;
  readonly network?: string;
  readonly serviceAccount?: string;
  readonly workload?: string;
}

/** One row a port, in port-name order; an endpoint without ports (a Unix socket) has one with port 0. */
export function endpointRows(endpoints: readonly Endpoint[]): readonly EndpointRow[] {
  return endpoints.flatMap(({ ports, hostname, ...endpoint }) => {
    const names = Object.keys(ports).sort();
    const service = hostname.split('.')[0] ?? hostname;
    return (names.length === 0 ? [''] : names).map((portName) => ({
      service,
      hostname,
      ...endpoint,
      port: ports[portName] ?? 0,
      portName,
    }));
  });
}

/** Endpoints, one line a port. */
export function endpointsTable(endpoints: readonly Endpoint[], options: TableOptions): string {
  const style = options.style ?? plainStyle;
  const health = (value: string) => (value === 'healthy' ? style.green(value) : style.red(value));
  const rows = endpointRows(endpoints).map((row) => [
    ...(options.namespaces ? [row.namespace] : []),
    row.service,
    row.address,
    row.port === 0 ? '-' : String(row.port),
    health(row.health),
    row.platform,
    labels(row.labels),
  ]);
  const headings = [
    ...(options.namespaces ? ['NAMESPACE'] : []),
    'SERVICE',
    'ADDRESS',
    'PORT',
    'HEALTH',
    'PLATFORM',
    'LABELS',
  ];
  return table(headings, rows, style);
}

/** Workloads. */
export function workloadsTable(workloads: readonly Workload[], options: TableOptions): string {
  const rows = workloads.map((workload) => [
    ...(options.namespaces ? [workload.namespace] : []),
    workload.name,
    orDash(workload.addresses.join(',')),
    workload.health,
    workload.platform,
    labels(workload.labels),
    age(workload.createdAt, options.nowMs),
  ]);
  const headings = [
    ...(options.namespaces ? ['NAMESPACE'] : []),
    'NAME',
    'ADDRESSES',
    'HEALTH',
    'PLATFORM',
    'LABELS',
    'AGE',
  ];
  return table(headings, rows, options.style);
}
