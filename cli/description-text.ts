// Descriptions of services and workloads as indented text.
import type {
  Applied,
  DescribedEndpoint,
  DescribedRoutes,
  DescribedRule,
  ServiceDescription,
  WorkloadDescription,
} from '../services/pilot/describe/description.ts';
import { labels, orDash, plainStyle, type Style } from './output.ts';

/** Lines under a heading; what is empty is left out. */
interface Section {
  readonly heading: string;
  readonly lines: readonly string[];
}

/** See the file's first line. */
export function formatDescription(
  described: ServiceDescription | WorkloadDescription,
  style: Style = plainStyle,
): string {
  return described.kind === 'service' ? serviceText(described, style) : workloadText(described, style);
}

function serviceText(service: ServiceDescription, style: Style): string {
  const { hostname, namespace, platform, resolution, addresses, ports, from, visible } = service;
  const seen = visible ? `seen by clients in namespace ${from}` : `not seen by clients in namespace ${from}`;
  const healthy = service.endpoints.filter(({ health }) => health === 'healthy').length;
  return sections(`Service ${hostname} (namespace ${namespace})`, style, [
    {
      heading: '',
      lines: [
        `${platform}, ${resolution}, ${addresses.length === 0 ? 'no address' : addresses.join(', ')}; ${seen}`,
        `ports ${ports.map(({ name, port, protocol }) => `${name} ${port}/${protocol}`).join(', ') || 'none'}`,
      ],
    },
    {
      heading: 'Routes',
      lines:
        service.routes.length === 0 ? ['none: all requests go to all endpoints'] : service.routes.flatMap(routesLines),
    },
    { heading: 'DestinationRule', lines: service.rule ? ruleLines(service.rule) : ['none'] },
    { heading: 'Mutual TLS', lines: service.mutualTls.length === 0 ? [] : [service.mutualTls.join(', ')] },
    { heading: 'Policies', lines: service.policies.map(appliedLine) },
    {
      heading: `Endpoints (${healthy} of ${service.endpoints.length} healthy)`,
      lines: service.endpoints.map(endpointLine),
    },
    {
      heading: 'Findings',
      lines: service.findings.map(
        ({ severity, code, resource, path, message }) =>
          `${severity}${code ? ` ${code}` : ''} ${resource ?? ''} ${path}: ${message}`,
      ),
    },
  ]);
}

function workloadText(workload: WorkloadDescription, style: Style): string {
  const { name, namespace, platform, addresses, serviceAccount, mutualTls } = workload;
  const ports = Object.entries(mutualTls.ports).map(([port, mode]) => `port ${port} ${mode}`);
  const head = sections(`Workload ${name} (namespace ${namespace})`, style, [
    {
      heading: '',
      lines: [
        `${platform}, ${orDash(addresses.join(', '))}, service account ${orDash(serviceAccount)}`,
        `labels ${labels(workload.labels)}`,
      ],
    },
    {
      heading: 'Proxy',
      lines:
        workload.proxies.length === 0
          ? ['none has connected']
          : workload.proxies.map(
              ({ id, connected, status }) => `${id}: ${connected ? status.join(', ') || 'connected' : 'disconnected'}`,
            ),
    },
    { heading: 'Sidecar', lines: workload.sidecar ? [appliedLine(workload.sidecar)] : [] },
    {
      heading: 'EnvoyFilters, in order',
      lines: [...workload.envoyFilters.map(appliedLine), ...workload.envoyFilterProblems],
    },
    { heading: 'ProxyConfigs, read when a proxy starts', lines: workload.proxyConfigs.map(appliedLine) },
    { heading: 'Mutual TLS', lines: [[mutualTls.mode, ...ports].join(', ')] },
    { heading: 'Policies', lines: workload.policies.map(appliedLine) },
    { heading: 'Serves', lines: workload.services.length === 0 ? ['no service'] : [] },
  ]);
  return [head, ...workload.services.map((service) => serviceText(service, style))].join('\n');
}

function routesLines({ rules, gateways, shadowedBy, ...applied }: DescribedRoutes): readonly string[] {
  const at = gateways.join(', ');
  const effect = shadowedBy === undefined ? '' : `; no effect: ${shadowedBy} is older and has the host`;
  return [`${appliedLine(applied)}, at ${at}${effect}`, ...rules.map((rule) => `  ${rule}`)];
}

function ruleLines({ merged, policy, subsets, ...applied }: DescribedRule): readonly string[] {
  return [
    appliedLine(applied),
    ...merged.map((resource) => `merged with ${resource}`),
    ...policy.map((line) => `  ${line}`),
    ...subsets.flatMap(({ name, labels: selector, endpoints, healthy, policy: own }) => [
      `  subset ${name} (${labels(selector)}): ${healthy} of ${endpoints} endpoints healthy`,
      ...own.map((line) => `    ${line}`),
    ]),
  ];
}

function endpointLine({ address, ports, health, workload, subsets, proxy }: DescribedEndpoint): string {
  const at = Object.entries(ports).map(([name, port]) => `${name} ${port}`);
  const of = [workload, subsets.length > 0 ? `subsets ${subsets.join(', ')}` : '', proxy ? 'has a proxy' : 'no proxy'];
  return `${address} ${health} (${at.join(', ')}); ${of.filter((text) => text).join('; ')}`;
}

function appliedLine({ resource, why }: Applied): string {
  return `${resource}: ${why}`;
}

function sections(title: string, style: Style, all: readonly Section[]): string {
  const text = all
    .filter(({ lines }) => lines.length > 0)
    .map(({ heading, lines }) =>
      [...(heading === '' ? [] : [style.bold(heading)]), ...lines.map((line) => `  ${line}`)].join('\n'),
    );
  return `${[style.bold(title), ...text].join('\n')}\n`;
}
