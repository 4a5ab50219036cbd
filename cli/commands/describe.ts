// `periplus describe`: what shapes a service's or workload's traffic, and why; like `istioctl experimental describe`.
import { Argument, type Command } from 'commander';
import type { ListResponse } from '../../services/pilot/admin/schemas.ts';
import type { ServiceDescription, WorkloadDescription } from '../../services/pilot/describe/description.ts';
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
import { formatDescription } from '../description-text.ts';
import { json, yaml } from '../output.ts';

/** The words that istioctl's users type. */
const kinds: Readonly<Record<string, 'service' | 'workload'>> = {
  service: 'service',
  svc: 'service',
  workload: 'workload',
  wl: 'workload',
  pod: 'workload',
  po: 'workload',
};

interface DescribeOptions extends SharedOptions {
  readonly from?: string;
}

/** The command. */
export function describeCommand(context: CliContext): Command {
  const command = newCommand('describe')
    .alias('desc')
    .description('what routes, subsets, policies, endpoints and proxies a service or workload has, and why')
    .addArgument(new Argument('<kind>', 'service or workload').choices(Object.keys(kinds)))
    .argument('<name>', 'NAME, NAME.NAMESPACE or a hostname')
    .option('--from <namespace>', "the clients' namespace; the service's own by default")
    .action(async (kind: string, name: string, options: DescribeOptions) => {
      const path = `/api/v1/describe/${kinds[kind] ?? 'service'}`;
      const query = { name, namespace: options.namespace, from: options.from, at: atOf(context, options) };
      const answer = await clientOf(context, options).get<ListResponse<ServiceDescription | WorkloadDescription>>(
        path,
        query,
      );
      if (options.output === 'json') context.io.out(json(answer.items));
      else if (options.output === 'yaml') context.io.out(await yaml(answer.items));
      else context.io.out(answer.items.map((item) => formatDescription(item, context.style)).join('\n'));
    });
  return withExamples(withAt(withOutput(withNamespace(withServer(command)), ['table', 'json', 'yaml'])), [
    ['periplus describe service reviews', 'routes, subsets, policies and endpoints'],
    ['periplus describe service reviews --from prod', 'as clients in the namespace prod see it'],
    ['periplus describe workload reviews-v1 -n default -o json', 'also what its own proxy follows'],
    ['periplus describe service reviews --at -15m', 'as it was'],
  ]);
}
