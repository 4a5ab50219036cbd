// `periplus gateway`: an agent and its Envoy as an ingress or egress gateway.
import type { Command } from 'commander';
import type { ProxyFlags } from '../../run/proxy.ts';
import { type CliContext, newCommand, withExamples } from '../context.ts';
import { proxyDefaults, withProxyOptions } from '../proxy-options.ts';

/** The command. */
export function gatewayCommand(context: CliContext): Command {
  const command = newCommand('gateway')
    .description('run an agent and its Envoy as an ingress or egress gateway')
    .action(async (flags: ProxyFlags) => {
      const { runProxy } = await import('../../run/proxy.ts');
      context.exitCode = await runProxy(flags, proxyDefaults('router'), context.io);
    });
  return withExamples(withProxyOptions(command), [
    [
      'periplus gateway --name ingressgateway -n istio-system',
      'serves Gateways with the selector istio: ingressgateway',
    ],
    ['periplus gateway --name egress --label istio=egressgateway --pilot pilot.example:15010', ''],
  ]);
}
