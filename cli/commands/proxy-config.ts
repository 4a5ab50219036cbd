// `periplus proxy-config`: the xDS resources of one proxy, now or at a moment.
import { Argument, type Command, Option } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
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

/** What Envoy alone knows: read from its config dump. */
type DumpPart = 'secrets' | 'bootstrap';

/** The words that istioctl's users type. */
const listNames: Readonly<Record<string, ResourceList | DumpPart | 'all'>> = {
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
  secrets: 'secrets',
  secret: 'secrets',
  s: 'secrets',
  bootstrap: 'bootstrap',
  b: 'bootstrap',
  all: 'all',
  a: 'all',
};

interface ProxyConfigOptions extends Omit<SharedOptions, 'output'>, ProxyConfigFilter {
  /** `short` is istioctl's word for the table. */
  readonly output: 'table' | 'short' | 'json' | 'yaml';
  readonly file?: string;
}

/** The command. */
export function proxyConfigCommand(context: CliContext): Command {
  const command = newCommand('proxy-config')
    .alias('pc')
    .description('what a proxy holds: clusters, listeners, routes, endpoints or all')
    .addArgument(
      new Argument('<type>', 'clusters, listeners, routes, endpoints or all; secrets or bootstrap of a --file').choices(
        Object.keys(listNames),
      ),
    )
    .argument('[proxy]', proxyArgument)
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
    .option('-f, --file <path>', "secrets and bootstrap: the answer of /config_dump of the proxy's Envoy, or -")
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'short', 'json', 'yaml']).default('table'),
    )
    .action(async (type: string, name: string | undefined, { output, file, ...options }: ProxyConfigOptions) => {
      const chosen = listNames[type] ?? 'all';
      if (chosen === 'secrets' || chosen === 'bootstrap') {
        if (name !== undefined || file === undefined) throw dumpWanted(chosen);
        return await printDumpPart(context, { part: chosen, file, output });
      }
      if (name === undefined || file !== undefined)
        throw new MeshError('usage', `proxy-config ${type} needs a proxy, and no --file: ${proxyArgument}`);
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
    [
      'curl -s localhost:15000/config_dump | periplus proxy-config secret -f -',
      "at the proxy: its certificates' dates",
    ],
    ['periplus proxy-config all ingressgateway.istio-system --at -15m -o json', 'everything, as it was'],
  ]);
}

function tables(chosen: ResourceList | 'all', resources: ProxyResources, style: Style): string {
  if (chosen !== 'all') return proxyConfigTable(chosen, resources, style);
  return resourceLists.map((name) => `${style.bold(name)}\n${proxyConfigTable(name, resources, style)}`).join('\n');
}

function dumpWanted(part: DumpPart): MeshError {
  return new MeshError(
    'usage',
    `the control plane does not know a proxy's ${part}: ask its Envoy, "curl -s localhost:15000/config_dump | periplus proxy-config ${part} -f -"`,
  );
}

interface PartOfDump extends Pick<ProxyConfigOptions, 'output'> {
  readonly part: DumpPart;
  readonly file: string;
}

async function printDumpPart({ io, style }: CliContext, { part, file, output }: PartOfDump): Promise<void> {
  const [{ readConfigDump, secretItems }, { secretsTable }, { readSources }] = await Promise.all([
    import('../config-dump.ts'),
    import('../secret-table.ts'),
    import('../files.ts'),
  ]);
  const [source] = await readSources([file], io);
  const dump = readConfigDump(source?.text ?? '', file);
  const shown = part === 'secrets' ? dump.secrets : dump.bootstrap;
  if (shown === undefined) throw new MeshError('not-found', `${file} holds no bootstrap`);
  if (output === 'yaml') io.out(await yaml(shown));
  else if (output === 'json' || part === 'bootstrap') io.out(json(shown));
  else io.out(secretsTable(secretItems(dump, io.clock.nowMs()), style));
}
