// `periplus intercept`: brings all TCP traffic of this network namespace to the Envoy in it.
import { isIPv4 } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import { type CliContext, count, newCommand, portNumber, withExamples } from '../context.ts';

interface InterceptOptions {
  readonly dryRun?: boolean;
  readonly proxyUid?: number;
  readonly excludeInboundPorts?: readonly number[];
  readonly excludeOutboundPorts?: readonly number[];
  readonly excludeOutboundRanges?: readonly string[];
}

/** The command. Istio's names for what its istio-init takes. */
export function interceptCommand(context: CliContext): Command {
  const command = newCommand('intercept')
    .description('bring all TCP traffic of this network namespace to the Envoy in it (iptables, as root)')
    .option(
      '--proxy-uid <id>',
      "user and group of the sidecar, whose own traffic passes (default: Istio's 1337)",
      count,
    )
    .option('--exclude-inbound-ports <ports>', 'ports here that callers reach directly, separated by commas', ports)
    .option('--exclude-outbound-ports <ports>', 'ports elsewhere that the application reaches directly', ports)
    .option('--exclude-outbound-ranges <ranges>', 'IPv4 ranges that the application reaches directly', ranges)
    .option('--dry-run', 'print the rules for iptables-restore and change nothing')
    .action(async (options: InterceptOptions) => {
      const { defaultInterception, interceptionRules, restoreText } = await import('../../agent/interception-rules.ts');
      const rules = interceptionRules({
        ...defaultInterception,
        ...(options.proxyUid !== undefined && { proxyIds: [options.proxyUid] }),
        excludedInboundPorts: [...defaultInterception.excludedInboundPorts, ...(options.excludeInboundPorts ?? [])],
        excludedOutboundPorts: options.excludeOutboundPorts ?? [],
        excludedOutboundRanges: options.excludeOutboundRanges ?? [],
      });
      if (options.dryRun) return context.io.out(restoreText(rules));
      const { applyInterception } = await import('../../agent/apply-interception.ts');
      context.io.err(`captured by ${applyInterception(rules)}: outbound to 15001, inbound to 15006\n`);
    });
  return withExamples(command, [
    ['periplus intercept', "in the application's network namespace, before it starts"],
    ['periplus intercept --exclude-outbound-ports 3306,5432', 'databases are reached directly'],
    ['periplus intercept --dry-run', 'only look'],
  ]);
}

function ports(text: string): readonly number[] {
  return items(text).map(portNumber);
}

function ranges(text: string): readonly string[] {
  for (const item of items(text)) {
    const [address = '', bits = '32', ...rest] = item.split('/');
    if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32 || rest.length > 0)
      throw new InvalidArgumentError(`"${item}" is no IPv4 range such as 10.0.0.0/8`);
  }
  return items(text);
}

function items(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
