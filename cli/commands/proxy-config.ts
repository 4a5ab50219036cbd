// `periplus proxy-config`: the xDS resources of one proxy, now or at a moment.
import { Argument, type Command } from 'commander';
import type { ProxyConfigAnswer } from '../../services/pilot/admin/routes-proxies.ts';
import type { ListResponse, ProxyStatus } from '../../services/pilot/admin/schemas.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withAt,
  withExamples,
  withNamespace,
  withOutput,
  withServer,
} from '../context.ts';
import { json } from '../output.ts';
import { proxyConfigTable, type ResourceList, resourceLists } from '../proxy-config-tables.ts';
import { findProxy } from './proxy-status.ts';

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

/** The command. */
export function proxyConfigCommand(context: CliContext): Command {
  const command = newCommand('proxy-config')
    .alias('pc')
    .description('what a proxy holds: clusters, listeners, routes, endpoints or all')
    .addArgument(
      new Argument('<type>', 'clusters, listeners, routes, endpoints or all').choices(Object.keys(listNames)),
    )
    .argument('<proxy>', 'NAME.NAMESPACE, NAME or node id')
    .option('--name <name>', 'only the resource of this name')
    .action(async (type: string, name: string, options: SharedOptions & { readonly name?: string }) => {
      const chosen = listNames[type] ?? 'all';
      const client = clientOf(context, options);
      const at = atOf(context, options);
      const { items } = await client.get<ListResponse<ProxyStatus>>('/api/v1/proxies', { at });
      const wanted =
        options.namespace === undefined || name.includes('.') || name.includes('~')
          ? name
          : `${name}.${options.namespace}`;
      const proxy = findProxy(items, wanted);
      const answer = await client.get<ProxyConfigAnswer>(`/api/v1/proxies/${encodeURIComponent(proxy.id)}/config`, {
        at,
      });
      context.io.out(format(context, answer, chosen, options));
    });
  return withExamples(withAt(withOutput(withNamespace(withServer(command)))), [
    ['periplus proxy-config clusters productpage-v1.default', ''],
    [
      'periplus proxy-config routes productpage-v1.default --name 9080 -o json',
      'one RouteConfiguration in proto3 JSON',
    ],
    ['periplus proxy-config all ingressgateway.istio-system --at -15m -o json', 'everything, as it was'],
  ]);
}

function format(
  context: CliContext,
  answer: ProxyConfigAnswer,
  chosen: ResourceList | 'all',
  options: SharedOptions & { readonly name?: string },
): string {
  const named = (items: readonly Readonly<Record<string, unknown>>[]) =>
    options.name === undefined ? items : items.filter((item) => (item.name ?? item.clusterName) === options.name);
  const resources = {
    listeners: named(answer.resources.listeners),
    routes: named(answer.resources.routes),
    clusters: named(answer.resources.clusters),
    endpoints: named(answer.resources.endpoints),
  };
  if (options.output === 'json') return json(chosen === 'all' ? { ...answer, resources } : resources[chosen]);
  if (chosen !== 'all') return proxyConfigTable(chosen, resources, context.style);
  return resourceLists
    .map((name) => `${context.style.bold(name)}\n${proxyConfigTable(name, resources, context.style)}`)
    .join('\n');
}
