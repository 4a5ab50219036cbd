// `periplus policy`: where each policy rule runs, and why there.
import type { Command } from 'commander';
import type { Place } from '../../mesh/policy/lowering/placement.ts';
import type { PlacedRule, PolicyAnswer } from '../../services/pilot/admin/routes-policy.ts';
import type { ListResponse, ProxyStatus } from '../../services/pilot/admin/schemas.ts';
import {
  atOf,
  type CliContext,
  clientOf,
  newCommand,
  type SharedOptions,
  withAt,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { findProxy, proxyArgument } from '../find-proxy.ts';
import { json, table } from '../output.ts';

/** The command with its subcommand. */
export function policyCommand(context: CliContext): Command {
  const command = newCommand('policy')
    .description('policies: where each rule runs')
    .addCommand(explainCommand(context));
  return withExamples(command, [['periplus policy explain', 'every rule at every proxy']]);
}

function explainCommand(context: CliContext): Command {
  const command = newCommand('explain')
    .description('where each rule runs (in Envoy, in Mixer, nowhere) and why there')
    .argument('[proxy]', `one proxy: ${proxyArgument}; all by default`)
    .action(async (name: string | undefined, options: SharedOptions) => {
      const client = clientOf(context, options);
      const at = atOf(context, options);
      const proxy =
        name === undefined
          ? undefined
          : findProxy((await client.get<ListResponse<ProxyStatus>>('/api/v1/proxies', { at })).items, name).id;
      const answer = await client.get<PolicyAnswer>('/api/v1/policy', { at, proxy });
      context.io.out(options.output === 'json' ? json(answer) : explainPolicies(answer));
    });
  return withExamples(withAt(withOutput(withServer(command))), [
    ['periplus policy explain', ''],
    ['periplus policy explain reviews-v1.default -o json', 'with the condition that Envoy evaluates'],
  ]);
}

const words: Readonly<Record<Place, string>> = {
  none: 'nowhere',
  rbac: 'Envoy: RBAC',
  'jwt-authn': 'Envoy: jwt_authn, RBAC',
  'api-key-auth': 'Envoy: api_key_auth',
  'header-mutation': 'Envoy: header mutation',
  'local-rate-limit': 'Envoy: local rate limit',
  'rate-limit-quota': 'Envoy: leases from Mixer',
  'rate-limit': 'Mixer: rate limit service',
  'ext-authz': 'Mixer: ext_authz',
  'access-log': 'Mixer: access log',
};

/** The table, and a line on how much of what is decided before a request goes on is decided in Envoy. */
export function explainPolicies({ items, broken }: PolicyAnswer): string {
  if (items.length === 0 && broken.length === 0) return 'No policy rule is for any of these proxies\n';
  const rows = items.map(({ proxy, rule, place, tcp, why }) => [
    proxy,
    rule,
    words[place],
    tcp ? words[tcp.place] : '-',
    why,
  ]);
  const lines = broken.map(({ id, problem }) => `${id} has no effect: ${problem}\n`);
  return `${table(['PROXY', 'RULE', 'RUNS IN', 'TCP', 'WHY'], rows)}${lines.join('')}${share(items)}`;
}

function share(items: readonly PlacedRule[]): string {
  const decided = items.filter(({ place }) => place !== 'none' && place !== 'access-log');
  if (decided.length === 0) return '';
  const lowered = decided.filter(({ place }) => place !== 'ext-authz' && place !== 'rate-limit').length;
  return `${lowered} of ${decided.length} (${Math.round((100 * lowered) / decided.length)} %) are carried out by Envoy itself\n`;
}
