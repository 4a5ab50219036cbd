// The table of listeners of `proxy-config`, with the columns, order and words of istioctl (istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd).
import { at, list, type Message, record, text, texts } from './json-message.ts';
import { orDash, type Style, table } from './output.ts';
import { listenerType } from './proxy-config-filter.ts';
import { compareInOrder, isMatchAll, routeMatch } from './route-table.ts';

/** One line a filter chain: where the listener is bound, what the chain takes and where that goes. */
export function listenersTable(listeners: readonly Message[], style: Style): string {
  const rows = listeners
    .map((listener) => ({ listener, address: addressOf(listener.address), port: portOf(listener.address) }))
    .sort((a, b) =>
      compareInOrder([a.port, a.address, listenerType(a.listener)], [b.port, b.address, listenerType(b.listener)]),
    )
    .flatMap(({ listener, address, port }) => {
      const more = list(listener.additionalAddresses).map((additional) => addressOf(additional.address));
      return chainsOf(listener).map((chain) => [
        orDash([address, ...more].join(',')),
        String(port),
        chain.match,
        chain.destination,
      ]);
    });
  return table(['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'], rows, style);
}

const addressOf = (address: unknown) =>
  text(at(address, 'socketAddress', 'address')) || text(at(address, 'pipe', 'path'));
const portOf = (address: unknown) => Number(text(at(address, 'socketAddress', 'portValue')));

function chainsOf(listener: Message): readonly { readonly match: string; readonly destination: string }[] {
  return [...list(listener.filterChains), ...(listener.defaultFilterChain ? [record(listener.defaultFilterChain)] : [])]
    .map((chain) => ({ match: chainMatch(record(chain.filterChainMatch)), destination: destinationOf(chain) }))
    .sort((a, b) => compareInOrder([b.destination], [a.destination]));
}

/** Istio's names for the application protocols that its listeners match together. */
const protocolNames: Readonly<Record<string, string>> = {
  'http/1.0,http/1.1,h2c,istio-http/1.0,istio-http/1.1,istio-h2': 'HTTP TLS',
  'istio,istio-http/1.0,istio-http/1.1,istio-h2': 'Istio HTTP Plain',
  'istio-peer-exchange,istio': 'TCP TLS',
  'http/1.0,http/1.1,h2c': 'HTTP',
};

function chainMatch(match: Message): string {
  const protocols = texts(match.applicationProtocols).join(',');
  const prefixes = list(match.prefixRanges).map(
    (range) => `${text(range.addressPrefix)}/${text(range.prefixLen) || '0'}`,
  );
  const port = text(match.destinationPort);
  const address = prefixes.join(',') || (port === '' ? '' : '*');
  const parts = [
    ['SNI', texts(match.serverNames).join(',')],
    ['Trans', text(match.transportProtocol)],
    ['App', protocolNames[protocols] ?? protocols],
    ['Addr', port === '' ? address : `${address}:${port}`],
  ].filter(([, value]) => value !== '');
  return parts.length === 0 ? 'ALL' : parts.map(([name, value]) => `${name}: ${value}`).join('; ');
}

function destinationOf(chain: Message): string {
  for (const config of list(chain.filters).map((filter) => record(filter.typedConfig))) {
    const type = text(config['@type']);
    if (type.endsWith('.HttpConnectionManager')) return routesOf(config);
    if (type.endsWith('.TcpProxy') && text(config.cluster) !== 'BlackHoleCluster') {
      const weighted = list(at(config, 'weightedClusters', 'clusters')).map((cluster) => text(cluster.name));
      return clusterTarget(weighted.length === 0 ? text(config.cluster) : weighted.join(','));
    }
  }
  return 'Non-HTTP/Non-TCP';
}

/** `PassthroughCluster` and its like say of themselves what they are. */
const clusterTarget = (name: string) => (name.includes('Cluster') ? name : `Cluster: ${name}`);

function routesOf(manager: Message): string {
  if (manager.routeConfig === undefined) {
    const name = text(at(manager, 'rds', 'routeConfigName'));
    return name === '' ? 'HTTP' : `Route: ${name}`;
  }
  const hosts = list(at(manager, 'routeConfig', 'virtualHosts'));
  const [route, another] = hosts.flatMap((host) => list(host.routes));
  const cluster = text(at(route, 'route', 'cluster'));
  const isAll = hosts.length === 1 && texts(hosts[0]?.domains).join() === '*' && another === undefined;
  if (isAll && isMatchAll(record(route?.match)) && cluster !== '') return clusterTarget(cluster);
  return `Inline Route: ${hosts.map(inlineHost).join('; ')}`;
}

function inlineHost(host: Message): string {
  const domains = texts(host.domains).join('/');
  const matches = list(host.routes).map((route) => routeMatch(record(route.match)));
  return `${domains === '*' ? '' : `${domains} `}${matches.join(', ')}`;
}
