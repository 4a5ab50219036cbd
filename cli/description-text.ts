// Descriptions of services and workloads as indented text.
import type {
  Applied,
  DescribedEndpoint,
  DescribedExposure,
  DescribedRoutes,
  DescribedRule,
  LastChange,
  ReportedHealth,
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
  const since = sinceOf(service.changes);
  const healthy = service.endpoints.filter(({ health }) => health === 'healthy').length;
  return sections(`Service ${hostname} (namespace ${namespace})`, style, [
    {
      heading: '',
      lines: [
        `${platform}, ${resolution}, ${addresses.length === 0 ? 'no address' : addresses.join(', ')}; ${seen}`,
        `ports ${ports.map(portText).join(', ') || 'none'}`,
      ],
    },
    {
      heading: 'Routes',
      lines:
        service.routes.length === 0
          ? ['none: all requests go to all endpoints']
          : service.routes.flatMap((route) => routesLines(route, since)),
    },
    { heading: 'Gateways', lines: service.exposures.flatMap((exposure) => exposureLines(exposure, since)) },
    { heading: 'DestinationRule', lines: service.rule ? ruleLines(service.rule, since) : ['none'] },
    { heading: 'Mutual TLS', lines: service.mutualTls.length === 0 ? [] : [service.mutualTls.join(', ')] },
    { heading: 'Policies', lines: service.policies.map((policy) => appliedLine(policy, since)) },
    {
      heading: `Endpoints (${healthy} of ${service.endpoints.length} healthy)`,
      lines: service.endpoints.map((endpoint) => endpointLine(endpoint, service.rule)),
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
  const since = sinceOf(workload.changes);
  const applied = (one: Applied) => appliedLine(one, since);
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
    { heading: 'Health, as its probe says', lines: (workload.health ?? []).map(healthLine) },
    { heading: 'Sidecar', lines: workload.sidecar ? [applied(workload.sidecar)] : [] },
    {
      heading: 'EnvoyFilters, in order',
      lines: [...workload.envoyFilters.map(applied), ...workload.envoyFilterProblems],
    },
    { heading: 'ProxyConfigs, read when a proxy starts', lines: workload.proxyConfigs.map(applied) },
    { heading: 'Mutual TLS', lines: [[mutualTls.mode, ...ports].join(', ')] },
    { heading: 'Certificate', lines: certificateLines(workload) },
    { heading: 'Policies', lines: workload.policies.map(applied) },
    { heading: 'Serves', lines: workload.services.length === 0 ? ['no service'] : [] },
  ]);
  return [head, ...workload.services.map((service) => serviceText(service, style))].join('\n');
}

function portText({ name, port, protocol, targetPort }: ServiceDescription['ports'][number]): string {
  return `${name} ${port}/${protocol}${targetPort === undefined ? '' : ` → ${targetPort}`}`;
}

/** `; since position 71, 2026-11-22T10:00:00Z, by user:anna`, by resource. */
type Since = (resource: string) => string;

function sinceOf(changes: readonly LastChange[] | undefined): Since {
  const texts = new Map(
    (changes ?? []).map(({ resource, position, time, actor }) => [
      resource,
      `; since position ${position}, ${time}, by ${actor}`,
    ]),
  );
  return (resource) => texts.get(resource) ?? '';
}

function routesLines({ rules, gateways, shadowedBy, ...applied }: DescribedRoutes, since: Since): readonly string[] {
  const at = gateways.join(', ');
  const effect = shadowedBy === undefined ? '' : `; no effect: ${shadowedBy} is older and has the host`;
  const why = `${applied.why}, at ${at}${effect}`;
  return [appliedLine({ ...applied, why }, since), ...rules.map((rule) => `  ${rule}`)];
}

function exposureLines({ servers, proxies, ...applied }: DescribedExposure, since: Since): readonly string[] {
  const listening = proxies.length === 0 ? ['  no proxy that it selects is connected'] : [];
  return [
    appliedLine(applied, since),
    ...servers.flatMap(({ port, protocol, hosts, tls, httpsRedirect, credentials }) => [
      `  ${protocol} ${port}${tls ? ` ${tls}` : ''}${httpsRedirect ? ', redirects to HTTPS' : ''}: ${hosts.join(', ')}`,
      ...credentials.map(
        ({ name, notAfter, problem }) => `    certificate ${name}: ${notAfter ? `valid until ${notAfter}` : problem}`,
      ),
    ]),
    ...proxies.map((id) => `  served by ${id}`),
    ...listening,
  ];
}

function healthLine({ proxyId, health, reason, position, time }: ReportedHealth): string {
  return `${proxyId}: ${health}${reason && `, ${reason}`}; since position ${position}, ${time}`;
}

function certificateLines({ spiffeId, certificate }: WorkloadDescription): readonly string[] {
  if (spiffeId === undefined) return [];
  if (certificate === undefined) return [`${spiffeId}: not issued by this mesh's Citadel`];
  const { serial, notAfter, position } = certificate;
  return [`${spiffeId}: serial ${serial}, valid until ${notAfter}; since position ${position}`];
}

function ruleLines({ merged, policy, subsets, ...applied }: DescribedRule, since: Since): readonly string[] {
  return [
    appliedLine(applied, since),
    ...merged.map((resource) => `merged with ${resource}${since(resource)}`),
    ...policy.map((line) => `  ${line}`),
    ...subsets.flatMap(({ name, labels: selector, endpoints, healthy, policy: own }) => [
      endpoints === 0
        ? `  warning: subset ${name} (${labels(selector)}): no endpoint has these labels`
        : `  subset ${name} (${labels(selector)}): ${healthy} of ${endpoints} endpoints healthy`,
      ...own.map((line) => `    ${line}`),
    ]),
  ];
}

function endpointLine(
  { address, ports, health, workload, subsets, proxy }: DescribedEndpoint,
  rule: DescribedRule | undefined,
): string {
  const at = Object.entries(ports).map(([name, port]) => `${name} ${port}`);
  const none = (rule?.subsets ?? []).length > 0 ? 'warning: matches no subset' : '';
  const of = [
    workload,
    subsets.length > 0 ? `subsets ${subsets.join(', ')}` : none,
    proxy ? 'has a proxy' : 'no proxy',
  ];
  return `${address} ${health} (${at.join(', ')}); ${of.filter((text) => text).join('; ')}`;
}

function appliedLine({ resource, why }: Applied, since: Since): string {
  return `${resource}: ${why}${since(resource)}`;
}

function sections(title: string, style: Style, all: readonly Section[]): string {
  const text = all
    .filter(({ lines }) => lines.length > 0)
    .map(({ heading, lines }) =>
      [...(heading === '' ? [] : [style.bold(heading)]), ...lines.map((line) => `  ${line}`)].join('\n'),
    );
  return `${[style.bold(title), ...text].join('\n')}\n`;
}
