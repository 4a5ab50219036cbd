// Tables of a proxy's xDS resources (proto3 JSON), with the columns and the order of `istioctl proxy-config`.
import { at, list, type Message, text } from './json-message.ts';
import { listenersTable } from './listener-table.ts';
import { orDash, type Style, table } from './output.ts';
import type { ProxyResources } from './proxy-config-filter.ts';
import { compareInOrder, managedBy, routesTable } from './route-table.ts';

/** The lists that `proxy-config` knows, in the order in which `all` prints them. */
export const resourceLists = ['listeners', 'routes', 'clusters', 'endpoints'] as const;
export type ResourceList = (typeof resourceLists)[number];

/** The table of one list. */
export function proxyConfigTable(name: ResourceList, resources: ProxyResources, style: Style): string {
  switch (name) {
    case 'clusters':
      return clustersTable(resources.clusters, style);
    case 'listeners':
      return listenersTable(resources.listeners, style);
    case 'routes':
      return routesTable(resources.routes, style);
    case 'endpoints':
      return endpointsTable(resources.endpoints, style);
    default:
      return name satisfies never;
  }
}

function clustersTable(clusters: readonly Message[], style: Style): string {
  const rows = clusters
    .map((cluster) => {
      const parts = text(cluster.name).split('|');
      const [direction = '', port = '', subset = '', host = ''] =
        parts.length === 4 ? parts : ['', '', '', text(cluster.name)];
      return { cluster, direction, port, subset, host };
    })
    .sort((a, b) =>
      compareInOrder([a.host, a.subset, Number(a.port), a.direction], [b.host, b.subset, Number(b.port), b.direction]),
    )
    .map(({ cluster, direction, port, subset, host }) => [
      ...[host, port, subset, direction, text(cluster.type)].map(orDash),
      managedBy(cluster),
    ]);
  return table(['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'], rows, style);
}

function endpointsTable(assignments: readonly Message[], style: Style): string {
  const rows = assignments
    .flatMap((assignment) =>
      list(assignment.endpoints).flatMap((locality) =>
        list(locality.lbEndpoints).map((entry) => ({ entry, cluster: text(assignment.clusterName) })),
      ),
    )
    .map(({ entry, cluster }) => {
      const address = at(entry, 'endpoint', 'address');
      const ip = text(at(address, 'socketAddress', 'address'));
      const port = text(at(address, 'socketAddress', 'portValue'));
      return { entry, cluster, host: ip || text(at(address, 'pipe', 'path')), port };
    })
    .sort((a, b) => compareInOrder([a.host, Number(a.port), a.cluster], [b.host, Number(b.port), b.cluster]))
    .map(({ entry, cluster, host, port }) => [
      port === '' ? host : `${host}:${port}`,
      text(entry.healthStatus) || 'HEALTHY',
      orDash(text(entry.loadBalancingWeight)),
      cluster,
    ]);
  return table(['ENDPOINT', 'STATUS', 'WEIGHT', 'CLUSTER'], rows, style);
}
