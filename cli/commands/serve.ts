// `periplus serve`: the control plane, in the roles that this process is to have.
import type { Command } from 'commander';
import type { ServeFlags } from '../../run/config.ts';
import { joinTokenVariable } from '../../run/proxy-identity.ts';
import { type CliContext, collect, newCommand, withExamples } from '../context.ts';
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
      "another process's Citadel, which gives Pilot its certificate; may be repeated",
      collect,
    )
    .option('--citadel-roots <file>', "that Citadel's root certificate (its DATA/citadel/root-cert.pem)")
    .option(
      '--join-token-file <file>',
      `one-time token for spiffe://TRUST-DOMAIN/ns/periplus-system/sa/pilot; or $${joinTokenVariable}`,
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
    .option('--consul <url>', 'read Consul through this agent; its token comes from $CONSUL_HTTP_TOKEN')
    .option('--consul-datacenter <name...>', "datacenters of Consul to read (default: the agent's own)")
    .option(
      '--consul-hostname <rule>',
      'hostnames of its services: NAME, NS and DC are replaced (default: NAME.service.consul)',
    )
    .option('--consul-namespace <name>', 'namespace to read; Consul Enterprise ($CONSUL_NAMESPACE)')
    .option('--consul-partition <name>', 'partition to read; Consul Enterprise ($CONSUL_PARTITION)')
    .option('--consul-token-file <file>', 'file with the ACL token, which may be replaced ($CONSUL_HTTP_TOKEN_FILE)')
    .option('--consul-ca <file>', "CA of Consul's certificate ($CONSUL_CACERT)")
    .option('--consul-cert <file>', 'client certificate for Consul ($CONSUL_CLIENT_CERT)')
    .option('--consul-key <file>', 'its key ($CONSUL_CLIENT_KEY)')
    .option(
      '--consul-server-name <name>',
      "name in Consul's certificate, such as server.dc1.consul ($CONSUL_TLS_SERVER_NAME)",
    )
    .option('--nomad <url>', "read Nomad's native services through this agent; its token comes from $NOMAD_TOKEN")
    .option('--nomad-region <name...>', "regions of Nomad to read (default: the agent's own)")
    .option('--nomad-namespace <name>', 'namespace to read (default: $NOMAD_NAMESPACE, else all)')
    .option(
      '--nomad-hostname <rule>',
      'hostnames of its services: NAME and NS are replaced (default: NAME.NS.svc.cluster.local)',
    )
    .option('--nomad-token-file <file>', 'file with the ACL token, which may be replaced')
    .option('--nomad-ca <file>', "CA of Nomad's certificate ($NOMAD_CACERT)")
    .option('--nomad-cert <file>', 'client certificate for Nomad ($NOMAD_CLIENT_CERT)')
    .option('--nomad-key <file>', 'its key ($NOMAD_CLIENT_KEY)')
    .option(
      '--nomad-server-name <name>',
      "name in Nomad's certificate, such as server.global.nomad ($NOMAD_TLS_SERVER_NAME)",
    )
    .option('--docker [address...]', 'read Docker engines (default: $DOCKER_HOST, else unix:///var/run/docker.sock)')
    .option(
      '--docker-hostname <rule>',
      'hostnames of its services: NAME, NS and PROJECT are replaced (default: NAME.NS.svc.cluster.local)',
    )
    .option('--docker-host-address <address>', "endpoints are ports published at this address, not containers' own")
    .option('--docker-cert-path <dir>', 'folder of ca.pem, cert.pem and key.pem for TLS ($DOCKER_CERT_PATH)')
    .option(
      '--adapter <module>',
      'an adapter of others: MODULE or MODULE:CONFIG.yaml, a package or a path (docs/guides/writing-an-adapter.md); may be repeated',
      collect,
    )
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('../../run/main.ts');
      context.exitCode = await serve(flags, context.io);
    });
  return withExamples(withServeOptions(command), [
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
