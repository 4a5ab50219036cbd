// `periplus proxy-status`: what each proxy has been sent, holds and refuses.
import type { Command } from 'commander';
import type { ListResponse, ProxyStatus, TypeStatus } from '../../services/pilot/admin/schemas.ts';
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
import { findProxy, proxyArgument, qualified } from '../find-proxy.ts';
import { json, orDash, plainStyle, type Style, table, yaml } from '../output.ts';

/** The command. */
export function proxyStatusCommand(context: CliContext): Command {
  const command = newCommand('proxy-status')
    .alias('ps')
    .description('for every proxy: what it holds of each xDS type, and what it rejected')
    .argument('[proxy]', proxyArgument)
    .option('--all', 'also proxies that have disconnected')
    .action(async (name: string | undefined, options: SharedOptions & { readonly all?: boolean }) => {
      const query = { at: atOf(context, options) };
      const { items } = await clientOf(context, options).get<ListResponse<ProxyStatus>>('/api/v1/proxies', query);
      const found =
        name === undefined
          ? items.filter((proxy) => options.all || proxy.connected)
          : [findProxy(items, qualified(name, options.namespace))];
      const shown = found.filter((proxy) => options.namespace === undefined || proxy.namespace === options.namespace);
      if (options.output === 'json') context.io.out(json(shown));
      else if (options.output === 'yaml') context.io.out(await yaml(shown));
      else if (shown.length === 0) context.io.err('no proxies are connected\n');
      else context.io.out(formatProxyStatus(shown, context.style));
    });
  return withExamples(withAt(withOutput(withNamespace(withServer(command)), ['table', 'json', 'yaml'])), [
    ['periplus proxy-status', 'one line a proxy'],
    ['periplus proxy-status productpage-v1.default', 'one proxy'],
    ['periplus proxy-status -o json', 'an array, one object a proxy'],
  ]);
}

const shownTypes = ['CDS', 'LDS', 'EDS', 'RDS'] as const;

/** The table, and below it what was rejected and why. */
export function formatProxyStatus(proxies: readonly ProxyStatus[], style: Style = plainStyle): string {
  const rows = proxies.map((proxy) => [
    proxy.name,
    ...shownTypes.map((type) => paintState(proxy, type, style)),
    String(proxy.position),
    orDash(proxy.pilot),
    orDash(proxy.version),
  ]);
  const rejected = proxies.flatMap((proxy) =>
    proxy.types
      .filter((type) => type.state === 'ERROR')
      .map(
        (type) =>
          `${style.red('rejected')}  ${proxy.name} ${type.type}${type.rejectedPosition === undefined ? '' : ` of position ${type.rejectedPosition}`}: ${type.error ?? ''}\n`,
      ),
  );
  return (
    table(['NAME', ...shownTypes, 'POSITION', 'PILOT', 'VERSION'], rows, style) +
    (rejected.length === 0 ? '' : `\n${rejected.join('')}`)
  );
}

function paintState(proxy: ProxyStatus, type: string, style: Style): string {
  if (!proxy.connected) return style.dim('DISCONNECTED');
  const state: TypeStatus['state'] = proxy.types.find((status) => status.type === type)?.state ?? 'NOT SENT';
  if (state === 'SYNCED') return style.green(state);
  if (state === 'NOT SENT') return style.dim(state);
  return state === 'ERROR' ? style.red(state) : style.yellow(state);
}
