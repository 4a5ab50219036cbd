// `periplus sidecar`: an agent and its Envoy beside a workload.
import type { Command } from 'commander';
import type { ProxyFlags } from '../../run/proxy.ts';
import { type CliContext, newCommand, withExamples } from '../context.ts';
import { proxyDefaults, withProxyOptions } from '../proxy-options.ts';

/** The command. */
export function sidecarCommand(context: CliContext): Command {
  const command = newCommand('sidecar')
    .description('run an agent and its Envoy beside a workload')
    .action(async (flags: ProxyFlags) => {
      const { runProxy } = await import('../../run/proxy.ts');
      context.exitCode = await runProxy(flags, proxyDefaults('sidecar'), context.io);
    });
  return withExamples(withProxyOptions(command), [
    ['periplus sidecar --name reviews-v1 --address 10.0.0.7 --label app=reviews --label version=v1', ''],
    ['periplus sidecar --pilot pilot.example:15010 --probe http://127.0.0.1:9080/health --host 0.0.0.0', ''],
  ]);
}
