// Flags that name platforms which are read over HTTP, shared by `serve` and `adapter capture`.
import type { Command } from 'commander';

/** Adds those of Consul, Nomad and Docker. */
export function withPlatformOptions(command: Command): Command {
  return command
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
    .option('--docker-cert-path <dir>', 'folder of ca.pem, cert.pem and key.pem for TLS ($DOCKER_CERT_PATH)');
}
