// The command line's table of contents: one file a command, in the groups that `periplus --help` shows.
import type { Command } from 'commander';
import { adapterCommand } from './commands/adapter.ts';
import { adminCommand } from './commands/admin.ts';
import { analyzeCommand } from './commands/analyze.ts';
import { applyCommand } from './commands/apply.ts';
import { atCommand } from './commands/at.ts';
import { banCommand, bansCommand, unbanCommand } from './commands/ban.ts';
import { caCommand } from './commands/ca.ts';
import { checkCommand } from './commands/check.ts';
import { deleteCommand } from './commands/delete.ts';
import { describeCommand } from './commands/describe.ts';
import { diffCommand } from './commands/diff.ts';
import { eventsCommand } from './commands/events.ts';
import { gatewayCommand } from './commands/gateway.ts';
import { getCommand } from './commands/get.ts';
import { historyCommand } from './commands/history.ts';
import { interceptCommand } from './commands/intercept.ts';
import { natsCommand } from './commands/nats.ts';
import { policyCommand } from './commands/policy.ts';
import { proxyConfigCommand } from './commands/proxy-config.ts';
import { proxyStatusCommand } from './commands/proxy-status.ts';
import { registryCommand } from './commands/registry.ts';
import { renderCommand } from './commands/render.ts';
import { replayCommand } from './commands/replay.ts';
import { serveCommand } from './commands/serve.ts';
import { sidecarCommand } from './commands/sidecar.ts';
import { sloCommand } from './commands/slo.ts';
import { tokenCommand } from './commands/token.ts';
import { upCommand } from './commands/up.ts';
import { validateCommand } from './commands/validate.ts';
import { versionCommand } from './commands/version.ts';
import { whyDeniedCommand } from './commands/why-denied.ts';
import { type CliContext, newCommand } from './context.ts';

/** The whole program, ready to parse an argument list. */
export function createProgram(context: CliContext): Command {
  const program = newCommand('periplus')
    .description('Event-sourced service-mesh control plane for Envoy: Istio resources, every change in a log')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'explain a command');
  const groups: readonly (readonly [heading: string, commands: readonly Command[]])[] = [
    [
      'Run:',
      [
        upCommand(context),
        serveCommand(context),
        sidecarCommand(context),
        gatewayCommand(context),
        interceptCommand(context),
        adapterCommand(context),
      ],
    ],
    ['Change:', [applyCommand(context), deleteCommand(context), diffCommand(context), registryCommand(context)]],
    [
      'Look:',
      [
        getCommand(context),
        proxyStatusCommand(context),
        proxyConfigCommand(context),
        describeCommand(context),
        renderCommand(context),
        analyzeCommand(context),
        validateCommand(context),
        checkCommand(context),
        whyDeniedCommand(context),
        policyCommand(context),
        versionCommand(context),
      ],
    ],
    [
      'Identity:',
      [
        caCommand(context),
        tokenCommand(context),
        banCommand(context),
        unbanCommand(context),
        bansCommand(context),
        adminCommand(context),
        natsCommand(context),
      ],
    ],
    [
      'Look back:',
      [
        eventsCommand(context),
        historyCommand(context),
        atCommand(context),
        replayCommand(context),
        sloCommand(context),
      ],
    ],
  ];
  for (const [heading, commands] of groups) {
    for (const command of commands) program.addCommand(command.helpGroup(heading));
  }
  return program.addHelpText(
    'after',
    '\nExit codes: 0 done, 1 rejected or differs, 2 wrong usage, 3 the control plane can\'t be reached.\n"periplus COMMAND --help" has examples. As with istioctl, "x" or "experimental" may stand before a command.',
  );
}
