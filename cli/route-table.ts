// The table of routes of `proxy-config`, with istioctl's columns, order and words, and the cluster that each route leads to.
import { at, list, type Message, record, text, texts } from './json-message.ts';
import { orDash, type Style, table } from './output.ts';

/** One line a route; those that only pass unknown hosts through are left out. */
export function routesTable(routes: readonly Message[], style: Style): string {
  const rows = [...routes]
    .sort((a, b) => portNameOf(a) - portNameOf(b))
    .flatMap((route) => list(route.virtualHosts).flatMap((host) => hostRows(orDash(text(route.name)), host)));
  return table(['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'DESTINATION', 'VIRTUAL SERVICE'], rows, style);
}

/** Sidecars' names of routes are ports; other names come behind, in the order given. */
function portNameOf(route: Message): number {
  const name = text(route.name);
  return /^\d+$/.test(name) ? Number(name) : Number.MAX_SAFE_INTEGER;
}

function hostRows(name: string, host: Message): readonly (readonly string[])[] {
  const start = [name, orDash(text(host.name)), shownDomains(texts(host.domains))];
  const routes = list(host.routes);
  if (routes.length === 0) return [[...start, '/*', '-', '404']];
  return routes
    .filter((route) => at(route, 'route', 'cluster') !== 'PassthroughCluster')
    .map((route) => [...start, routeMatch(record(route.match)), routeTarget(route), managedBy(route)]);
}

/** At most two of a virtual host's domains: without those that differ from another by port or by the end of a Kubernetes name alone. */
export function shownDomains(domains: readonly string[]): string {
  if (domains.length === 1) return domains.join();
  const withoutPort = domains.filter((domain) => !domain.includes(':') || /^\[.*\]$/.test(domain));
  const known = new Set(withoutPort);
  const isLonger = (domain: string) =>
    ['.svc.cluster.local', '.svc'].some((end) => domain.endsWith(end) && known.has(domain.slice(0, -end.length)));
  const shown = withoutPort.filter((domain) => !isLonger(domain));
  return shown.length <= 2 ? shown.join(', ') : `${shown.slice(0, 2).join(', ')} + ${shown.length - 2} more...`;
}

/** The path that a route takes, and the names of headers that it looks at. */
export function routeMatch(match: Message): string {
  const separated = text(match.pathSeparatedPrefix);
  const regex = text(at(match, 'safeRegex', 'regex'));
  const headers = list(match.headers).map((header) => text(header.name));
  return [
    text(match.prefix) === '' ? '' : `${text(match.prefix)}*`,
    separated === '' ? '' : `PathPrefix:${separated}`,
    text(match.path),
    regex === '' ? '' : `regex ${regex}`,
    headers.length === 0 ? '' : `[${headers.join(',')}]`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** Whether every path is taken. */
export function isMatchAll(match: Message): boolean {
  return text(match.prefix) === '/';
}

function routeTarget(route: Message): string {
  if (route.redirect !== undefined) return 'redirect';
  if (route.directResponse !== undefined) return `${text(at(route, 'directResponse', 'status'))} direct response`;
  const weighted = list(at(route, 'route', 'weightedClusters', 'clusters'));
  if (weighted.length === 0) return orDash(text(at(route, 'route', 'cluster')));
  return weighted.map((cluster) => `${text(cluster.name)} ${text(cluster.weight) || '0'}`).join(', ');
}

/** `reviews.default`: the resource that shaped a cluster or route, which its metadata names. */
export function managedBy(message: Message): string {
  const path = text(at(message, 'metadata', 'filterMetadata', 'istio', 'config'));
  const [, namespace, name] = /^\/apis\/[^/]+\/[^/]+\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(path) ?? [];
  return name === undefined ? '' : `${name}.${namespace}`;
}

/** Orders by the first value that differs: numbers by size, texts by code unit. */
export function compareInOrder(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}
