// `periplus serve`: the control plane, in the roles that this process is to have.
import type { Command } from 'commander';
import type { ServeFlags } from '../../run/config.ts';
import { joinTokenVariable } from '../../run/proxy-identity.ts';
import { type CliContext, collect, newCommand, withExamples } from '../context.ts';
import { withPlatformOptions } from '../platform-options.ts';
import { withServeOptions } from '../serve-options.ts';

/** The command. */
export function serveCommand(context: CliContext): Command {
  const command = newCommand('serve')
    .description('run the control plane (the same binary in every container, in chosen roles)')
    .option(
      '--roles <roles>',
      'pilot, adapters, citadel, mixer, mirror: any of them, separated by commas (default: pilot,adapters)',
    )
    .option(
      '--citadel <host:port>',
      "another process's Citadel, which gives Pilot and Mixer their certificate; may be repeated",
      collect,
    )
    .option('--citadel-roots <file>', "that Citadel's root certificate (its DATA/citadel/root-cert.pem)")
    .option(
      '--join-token-file <file>',
      `one-time token for spiffe://TRUST-DOMAIN/ns/periplus-system/sa/pilot, of a Mixer on its own …/sa/mixer; or $${joinTokenVariable}`,
    )
    .option('--token-file <file>', "the platform's token for that identity, read anew each time")
    .option('--config <dir>', 'folder of YAML to watch: services, endpoints and Istio resources')
    .option(
      '--kubeconfig <file>',
      'read a Kubernetes cluster, and ask it about tokens shown to Citadel; "in-cluster": where this process runs',
    )
    .option(
      '--kube-context <name...>',
      "contexts of the kubeconfig; the first one's Istio resources configure the mesh",
    )
    .option('--kube-read-only', "write nothing into the clusters: no .status of Istio's resources")
    .option(
      '--kube-revision <name>',
      'revision of this control plane: Istio resources labelled istio.io/rev for another are left alone (default: default)',
    )
    .option(
      '--adapter <module>',
      'an adapter of others: MODULE or MODULE:CONFIG.yaml, a package or a path (docs/guides/writing-an-adapter.md); may be repeated',
      collect,
    )
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('../../run/main.ts');
      context.exitCode = await serve(flags, context.io);
    });
  return withExamples(withServeOptions(withPlatformOptions(command)), [
    ['periplus serve --config mesh/', 'everything in one process, log in .periplus/log'],
    ['periplus serve --roles pilot,adapters --log sqlite:/var/lib/periplus --config /etc/mesh --host 0.0.0.0', ''],
    ['periplus serve --roles pilot --log nats://nats:4222', 'one of several processes that share a log'],
    ['periplus serve --roles adapters --log nats://nats:4222 --config /etc/mesh', ''],
    ['periplus serve --consul http://127.0.0.1:8500 --consul-datacenter dc1 dc2', "Consul's services join the mesh"],
    ['periplus serve --docker', 'containers with labels periplus.io/… join the mesh'],
    ['periplus serve --adapter periplus-dns-srv:dns.yaml', 'the adapter of an npm package joins'],
    ['periplus serve --log memory: --xds-port 0 --admin-port 0', 'a trial on free ports'],
  ]);
}
