// Flags that `sidecar` and `gateway` share, and what this machine fills in.
import { hostname, networkInterfaces } from 'node:os';
import { type Command, Option } from 'commander';
import { defaultPorts } from '../run/config.ts';
import { defaultTrustDomain } from '../run/config-citadel.ts';
import type { ProxyDefaults } from '../run/proxy.ts';
import { joinTokenVariable } from '../run/proxy-identity.ts';
import { collect, count, durationMs, logLevelOption, portNumber } from './context.ts';

/** Adds them. */
export function withProxyOptions(command: Command): Command {
  return command
    .option(
      '--pilot <host:port>',
      `Pilot's xDS port; may be repeated (default: 127.0.0.1:${defaultPorts.xdsMtls} with --citadel, else :${defaultPorts.xds})`,
      collect,
    )
    .option('--citadel <host:port>', 'get an SVID from this Citadel and speak mutual TLS; may be repeated', collect)
    .option('--citadel-roots <file>', "Citadel's root certificate (its DATA/citadel/root-cert.pem)")
    .option('--join-token-file <file>', `one-time token of "periplus token create"; or $${joinTokenVariable}`)
    .option('--token-file <file>', "the platform's token, read anew each time (Kubernetes, Nomad)")
    .option('--trust-domain <name>', `trust domain (default: ${defaultTrustDomain})`)
    .option('--svid-ttl <duration>', 'life of the SVID (default: 1h); it is renewed at half of it', durationMs)
    .option('--xds-plaintext', `speak xDS in plaintext in spite of the SVID (default port: ${defaultPorts.xds})`)
    .option('--name <name>', "the workload's name (default: this host's name)")
    .option('-n, --namespace <namespace>', 'namespace (default: default)')
    .option(
      '--address <ip>',
      "the workload's address in the registry; may be repeated (default: this host's first address)",
      collect,
    )
    .option('--label <key=value>', "a label of the workload's; may be repeated", collect)
    .option('--workload <name>', "its owner's name, such as a Deployment's")
    .option('--service-account <name>', 'service account')
    .option('--cluster <id>', 'cluster id')
    .option('--network <id>', 'network id')
    .option('--locality <region/zone/subzone>', 'where it runs')
    .addOption(
      new Option('--interception-mode <mode>', 'how traffic reaches Envoy').choices(['NONE', 'REDIRECT', 'TPROXY']),
    )
    .option(
      '--http-proxy-port <port>',
      'port of the HTTP proxy listener that applications call out through',
      portNumber,
    )
    .option('--host <address>', 'address of status and metrics ports; 0.0.0.0 in a container (default: 127.0.0.1)')
    .option('--envoy-admin-port <port>', "Envoy's admin interface (default: 15000)", portNumber)
    .option('--status-port <port>', 'readiness and merged metrics (default: 15020)', portNumber)
    .option('--ready-port <port>', 'readiness through Envoy, 0 for none (default: 15021)', portNumber)
    .option('--prometheus-port <port>', "Envoy's own metrics, 0 for none (default: 15090)", portNumber)
    .option('--concurrency <threads>', "Envoy's worker threads (default: 2)", count)
    .option('--drain <duration>', 'how long a stopping proxy finishes requests (default: 5s)', durationMs)
    .option('--probe <url>', "the application's readiness: http://HOST:PORT/PATH or tcp://HOST:PORT")
    .option('--workload-group <name>', 'register the workload with this WorkloadGroup, and run its probe')
    .option('--exec-probes', 'run commands from a Pilot in plaintext, too (default: only where it proves who it is)')
    .option('--app-metrics <url>', "the application's Prometheus page, merged into ours")
    .option('--data <dir>', 'folder for what is kept (default: .periplus)')
    .addOption(logLevelOption());
}

/** What this machine says of itself. */
export function proxyDefaults(type: ProxyDefaults['type']): ProxyDefaults {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const outside = addresses.find((address) => !address.internal && address.family === 'IPv4');
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return {
    type,
    name: name || type,
    address: outside?.address ?? '127.0.0.1',
    workingDirectory: process.cwd(),
    env: process.env,
  };
}
