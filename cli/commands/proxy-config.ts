// `periplus proxy-config`: the xDS resources of one proxy, now or at a moment.
import { Argument, type Command, Option } from 'commander';
import type { ProxyConfigAnswer } from '../../services/pilot/admin/routes-proxies.ts';
import type { ListResponse, ProxyStatus } from '../../services/pilot/admin/schemas.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  newCommand,
  portNumber,
  type SharedOptions,
  withAt,
  withExamples,
  withNamespace,
  withServer,
} from '../context.ts';
import { findProxy, proxyArgument, qualified } from '../find-proxy.ts';
import { json, type Style, yaml } from '../output.ts';
import { filterProxyResources, type ProxyConfigFilter, type ProxyResources } from '../proxy-config-filter.ts';
import { proxyConfigTable, type ResourceList, resourceLists } from '../proxy-config-tables.ts';

/** The words that istioctl's users type. */
const listNames: Readonly<Record<string, ResourceList | 'all'>> = {
  clusters: 'clusters',
  cluster: 'clusters',
  c: 'clusters',
  listeners: 'listeners',
  listener: 'listeners',
  l: 'listeners',
  routes: 'routes',
  route: 'routes',
  r: 'routes',
  endpoints: 'endpoints',
  endpoint: 'endpoints',
  ep: 'endpoints',
  all: 'all',
  a: 'all',
};

interface ProxyConfigOptions extends Omit<SharedOptions, 'output'>, ProxyConfigFilter {
  /** `short` is istioctl's word for the table. */
  readonly output: 'table' | 'short' | 'json' | 'yaml';
}

/** The command. */
export function proxyConfigCommand(context: CliContext): Command {
  const command = newCommand('proxy-config')
    .alias('pc')
    .description('what a proxy holds: clusters, listeners, routes, endpoints or all')
    .addArgument(
      new Argument('<type>', 'clusters, listeners, routes, endpoints or all').choices(Object.keys(listNames)),
    )
    .argument('<proxy>', proxyArgument)
    .option('--name <name>', 'only the resource of this name')
    .option('--fqdn <text>', 'clusters: those whose host holds this')
    .option('--direction <direction>', 'clusters: inbound or outbound')
    .option('--subset <text>', 'clusters: those whose subset holds this')
    .option(
      '--port <port>',
      "clusters of this service port; listeners and endpoints by their address's port",
      portNumber,
    )
    .option('--address <address>', 'listeners and endpoints: by IP address or socket path')
    .option('--type <type>', 'listeners: HTTP, TCP, HTTP+TCP or UNKNOWN')
    .option('--cluster <name>', 'endpoints: those of this cluster')
    .option('--status <status>', 'endpoints: by health, such as HEALTHY')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'short', 'json', 'yaml']).default('table'),
    )
    .action(async (type: string, name: string, { output, ...options }: ProxyConfigOptions) => {
      const chosen = listNames[type] ?? 'all';
      const client = clientOf(context, options);
      const at = atOf(context, options);
      const { items } = await client.get<ListResponse<ProxyStatus>>('/api/v1/proxies', { at });
      const proxy = findProxy(items, qualified(name, options.namespace));
      const answer = await client.get<ProxyConfigAnswer>(`/api/v1/proxies/${encodeURIComponent(proxy.id)}/config`, {
        at,
      });
      const resources = filterProxyResources(answer.resources, options);
      const shown = chosen === 'all' ? { ...answer, resources } : resources[chosen];
      if (output === 'json') context.io.out(json(shown));
      else if (output === 'yaml') context.io.out(await yaml(shown));
      else context.io.out(tables(chosen, resources, context.style));
    });
  return withExamples(withAt(withNamespace(withServer(command))), [
    ['periplus proxy-config clusters productpage-v1.default', ''],
    ['periplus proxy-config clusters productpage-v1.default --fqdn reviews --subset v1 -o yaml', 'as with istioctl'],
    ['periplus proxy-config endpoints deploy/productpage-v1 -n default --status UNHEALTHY', 'of its first pod'],
    [
      'periplus proxy-config routes productpage-v1.default --name 9080 -o json',
      'one RouteConfiguration in proto3 JSON',
    ],
    ['periplus proxy-config all ingressgateway.istio-system --at -15m -o json', 'everything, as it was'],
  ]);
}

function tables(chosen: ResourceList | 'all', resources: ProxyResources, style: Style): string {
  if (chosen !== 'all') return proxyConfigTable(chosen, resources, style);
  return resourceLists.map((name) => `${style.bold(name)}\n${proxyConfigTable(name, resources, style)}`).join('\n');
}
