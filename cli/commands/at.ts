// `periplus at WHEN …`: any reading command, at a moment of the past; alone, a summary of that moment.
import type { Command } from 'commander';
import { MeshError } from '../../lib/mesh-error.ts';
import { didYouMean } from '../../mesh/config/suggest-name.ts';
import type { MomentSummary } from '../../services/pilot/admin/routes-summary.ts';
import {
  type CliContext,
  checkWhen,
  clientOf,
  newCommand,
  redirectOutput,
  withExamples,
  withOutput,
  withServer,
} from '../context.ts';
import { json, type OutputFormat, plainStyle, type Style } from '../output.ts';

/** Commands that read a moment; the others would change or outlive it. */
const readers = ['get', 'proxy-config', 'proxy-status', 'history', 'events', 'analyze'];

/** The command. */
export function atCommand(context: CliContext): Command {
  const command = newCommand('at')
    .description('look at a past moment: "at WHEN get …", "at WHEN proxy-config …", or alone for a summary')
    .usage('[options] <when> [command...]')
    .argument('<when>', 'position, RFC 3339 time, or -15m')
    .argument('[command...]', `${readers.join(', ')} with its own arguments`)
    .allowUnknownOption()
    .passThroughOptions()
    .action(
      async (
        when: string,
        rest: readonly string[],
        options: { readonly server?: string; readonly output?: OutputFormat },
      ) => {
        checkWhen(when);
        const [name, ...args] = rest;
        // Options that stand behind a WHEN such as -15m were passed through with it.
        if (name === undefined || name.startsWith('-'))
          return await summarize(context, when, lateOptions(context, rest, options));
        if (!readers.includes(name)) {
          throw new MeshError(
            'usage',
            `"at" can't be used with "${name}"${didYouMean(name, readers)}\n  it goes with ${readers.join(', ')}`,
          );
        }
        const io =
          options.server === undefined
            ? context.io
            : { ...context.io, env: { ...context.io.env, PERIPLUS_SERVER: options.server } };
        context.exitCode = await context.run([name, ...args], io, when);
      },
    );
  return withExamples(withOutput(withServer(command)), [
    ['periplus at -15m', 'what the mesh looked like a quarter of an hour ago'],
    ['periplus at -15m get vs reviews -o yaml', 'a resource as it was'],
    ['periplus at 120 get endpoints reviews', 'endpoints after event 120'],
    ['periplus at 2026-11-22T15:04:05Z proxy-config routes productpage-v1.default', 'what an Envoy held then'],
  ]);
}

interface AtOptions {
  readonly server?: string;
  readonly output?: OutputFormat;
}

/** Reads `-o` and `--server` behind the moment. */
function lateOptions(context: CliContext, rest: readonly string[], options: AtOptions): AtOptions {
  const late = withOutput(withServer(newCommand('at')));
  redirectOutput(late, context);
  late.parse([...rest], { from: 'user' });
  const found = late.opts<AtOptions>();
  const given = late.getOptionValueSource('output') === 'cli' ? found.output : options.output;
  return {
    ...options,
    ...(found.server === undefined ? {} : { server: found.server }),
    ...(given === undefined ? {} : { output: given }),
  };
}

async function summarize(context: CliContext, when: string, options: AtOptions): Promise<void> {
  const summary = await clientOf(context, options).get<MomentSummary>('/api/v1/summary', { at: when });
  context.io.out(options.output === 'json' ? json(summary) : formatSummary(summary, context.style));
}

/** A moment in a few lines. */
export function formatSummary(summary: MomentSummary, style: Style = plainStyle): string {
  const { event, registry, proxies } = summary;
  const config = Object.entries(summary.config).map(([kind, total]) => `${total} ${kind}`);
  const lines = [
    `${style.bold(`position ${summary.position}`)}${summary.time === '' ? ', an empty log' : `, ${summary.time}`}`,
    ...(event === undefined ? [] : [`last event   ${event.type} ${event.subject} by ${event.actor}`]),
    `registry     ${registry.services} services, ${registry.healthyEndpoints} of ${registry.endpoints} endpoints healthy, ${registry.workloads} workloads`,
    `config       ${config.length === 0 ? 'none' : config.join(', ')}`,
    `proxies      ${proxies.connected} connected${proxies.rejecting === 0 ? '' : `, ${style.red(`${proxies.rejecting} rejecting`)}`}`,
  ];
  return `${lines.join('\n')}\n`;
}
