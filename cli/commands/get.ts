// `periplus get`: configuration resources and the registry, now or at a moment.
import type { Command } from 'commander';
import type { ConfigResource, Endpoint, Workload } from '../../events/model.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import { didYouMean } from '../../mesh/config/suggest-name.ts';
import type { ServiceItem } from '../../services/pilot/admin/routes-registry.ts';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import type { AdminClient, Query } from '../client.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  namespaceOf,
  newCommand,
  type SharedOptions,
  withAt,
  withExamples,
  withNamespace,
  withOutput,
  withServer,
} from '../context.ts';
import { type KnownKind, kindOf, knownKinds } from '../kinds.ts';
import { json, yaml } from '../output.ts';
import {
  configTable,
  endpointRows,
  endpointsTable,
  servicesTable,
  type TableOptions,
  workloadsTable,
} from '../resource-tables.ts';

/** The command. The registry is shown for all namespaces unless one is named: platforms choose theirs, users don't. */
export function getCommand(context: CliContext): Command {
  const command = newCommand('get')
    .description(
      'list configuration (vs, dr, gw, se, we, sidecars, …) or the registry (services, endpoints, workloads)',
    )
    .argument('<kind>', 'kind, or KIND/NAME')
    .argument('[name]', 'name; for endpoints that of their service')
    .action(async (kindText: string, nameText: string | undefined, options: SharedOptions) => {
      const [kindName = '', slashed] = kindText.split('/');
      const request = { kind: kindOf(kindName), name: nameText ?? slashed, options };
      if (request.kind.source === 'config') await getConfig(context, request);
      else await getRegistry(context, request);
    })
    .addHelpText(
      'after',
      () => `\nKinds:\n${knownKinds.map((kind) => `  ${kind.kind.padEnd(22)} ${kind.names.join(', ')}`).join('\n')}`,
    );
  return withExamples(withAt(withOutput(withNamespace(withServer(command)), ['table', 'json', 'yaml'])), [
    ['periplus get vs', 'VirtualServices of namespace default'],
    ['periplus get vs reviews -o yaml', 'one of them, ready to edit and apply'],
    ['periplus get gw -A', 'Gateways of all namespaces'],
    ['periplus get services', 'what the platforms report'],
    ['periplus get endpoints reviews', 'address, port, health, platform, labels'],
  ]);
}

interface GetRequest {
  readonly kind: KnownKind;
  readonly name: string | undefined;
  readonly options: SharedOptions;
}

async function getConfig(context: CliContext, { kind, name, options }: GetRequest): Promise<void> {
  const namespace = namespaceOf(options, 'default');
  const client = clientOf(context, options);
  const query = { kind: kind.kind, namespace, name, at: atOf(context, options) };
  const { items } = await client.get<ListResponse<ConfigResource>>('/api/v1/config', query);
  if (items.length === 0 && name !== undefined) throw await notFound(client, query, name);
  if (options.output === 'json') {
    const { manifestOf } = await import('../../mesh/config/print.ts');
    const manifests = items.map(manifestOf);
    context.io.out(
      json(
        name !== undefined && manifests.length === 1
          ? manifests[0]
          : { apiVersion: 'v1', kind: 'List', items: manifests },
      ),
    );
  } else if (options.output === 'yaml') {
    const { printYaml } = await import('../../mesh/config/print.ts');
    context.io.out(printYaml(items));
  } else if (items.length === 0) context.io.err(nothingFound(kind.kind, namespace));
  else context.io.out(configTable(kind.kind, items, tableOptions(context, namespace === undefined)));
}

async function getRegistry(context: CliContext, { kind, name, options }: GetRequest): Promise<void> {
  const namespace = namespaceOf(options, undefined);
  const query = { namespace, name, at: atOf(context, options) };
  const { items } = await clientOf(context, options).get<ListResponse<unknown>>(`/api/v1/${kind.kind}`, query);
  if (items.length === 0 && name !== undefined && kind.kind !== 'endpoints')
    throw new MeshError('not-found', `no ${kind.kind} named "${name}"; list them with "periplus get ${kind.kind}"`);
  const plain = kind.kind === 'endpoints' ? endpointRows(items as readonly Endpoint[]) : items;
  if (options.output === 'json') context.io.out(json(plain));
  else if (options.output === 'yaml') context.io.out(await yaml(plain));
  else if (items.length === 0) context.io.err(nothingFound(kind.kind, namespace));
  else context.io.out(registryTable(kind.kind, items, tableOptions(context, namespace === undefined)));
}

function registryTable(kind: string, items: readonly unknown[], options: TableOptions): string {
  if (kind === 'services') return servicesTable(items as readonly ServiceItem[], options);
  if (kind === 'endpoints') return endpointsTable(items as readonly Endpoint[], options);
  return workloadsTable(items as readonly Workload[], options);
}

function tableOptions(context: CliContext, namespaces: boolean): TableOptions {
  return { namespaces, nowMs: context.io.clock.nowMs(), style: context.style };
}

function nothingFound(kind: string, namespace: string | undefined): string {
  return namespace === undefined
    ? `no ${kind} found\n`
    : `no ${kind} found in namespace ${namespace}; -A shows all namespaces\n`;
}

async function notFound(client: AdminClient, query: Query, name: string): Promise<MeshError> {
  const { items } = await client.get<ListResponse<ConfigResource>>('/api/v1/config', {
    kind: query.kind,
    at: query.at,
  });
  const elsewhere = items.filter((item) => item.name === name).map((item) => item.namespace);
  const hint =
    elsewhere.length > 0
      ? `; there is one in namespace ${elsewhere.join(', ')}`
      : didYouMean(
          name,
          items.map((item) => item.name),
        );
  const where = query.namespace === undefined ? '' : ` in namespace ${query.namespace}`;
  return new MeshError('not-found', `no ${query.kind} named "${name}"${where}${hint}`);
}
