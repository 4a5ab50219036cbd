// Flags that `serve` and `up` share.
import type { Command } from 'commander';
import { defaultDataDirectory, defaultPorts } from '../run/config.ts';
import { defaultCitadelPort, defaultCitadelWebPort, defaultTrustDomain } from '../run/config-citadel.ts';
import { defaultMixerPort } from '../run/config-mixer.ts';
import { collect, logLevelOption, portNumber } from './context.ts';

/** Adds ports, folders, name and log level. */
export function withServeOptions(command: Command): Command {
  return command
    .option('--data <dir>', `folder for everything that is kept (default: ${defaultDataDirectory})`)
    .option(
      '--log <store>',
      'where the log is kept: sqlite:DIR, nats://HOST:PORT, kurrentdb://HOST:PORT, or memory: for a trial (default: sqlite:DATA/log)',
    )
    .option(
      '--secrets <dir>',
      'folder of Secrets and PEM files (NAMESPACE/NAME/tls.crt) for the credentialName of Gateways',
    )
    .option(
      '--mirror <url>',
      'copy every event to Kafka: kafka[s]://[USER:PASSWORD@]HOST:PORT/TOPIC (docs/guides/kafka-mirror.md)',
    )
    .option('--host <address>', 'address to listen on; 0.0.0.0 in a container (default: 127.0.0.1)')
    .option('--xds-port <port>', `xDS in plaintext (default: ${defaultPorts.xds})`, portNumber)
    .option(
      '--xds-host <address>',
      'address of that port (default: 127.0.0.1 where xDS is served over mutual TLS too, else --host)',
    )
    .option(
      '--xds-mtls-port <port>',
      `xDS over mutual TLS, where there is a Citadel (default: ${defaultPorts.xdsMtls})`,
      portNumber,
    )
    .option('--admin-port <port>', `admin API (default: ${defaultPorts.admin})`, portNumber)
    .option(
      '--metrics-port <port>',
      'metrics and health alone, on a port of their own (Istio: 15014); they are on the admin port too',
      portNumber,
    )
    .option('--admin-host <address>', 'address of the admin API, when it differs from --host')
    .option('--admin-tls-cert <file>', "the admin API's certificate, with which it speaks HTTPS")
    .option('--admin-tls-key <file>', 'its key')
    .option('--admin-tls-client-ca <file>', 'CA of client certificates')
    .option(
      '--admin-client <role=name>',
      'role read or write for a client certificate: write=spiffe://… or read=CN=anna,O=Example; may be repeated',
      collect,
    )
    .option(
      '--admin-host-address <address>',
      "callers from this address count as this machine: a container's host, if it publishes the port on its loopback alone",
      collect,
    )
    .option('--citadel-port <port>', `signing API of the role citadel (default: ${defaultCitadelPort})`, portNumber)
    .option('--trust-domain <name>', `trust domain of the mesh (default: ${defaultTrustDomain})`)
    .option('--ca-certs <dir>', "sign with this CA: a folder with the files of Istio's secret cacerts")
    .option(
      '--token-issuer <spec>',
      'believe tokens: kubernetes=ISSUER,JWKS-URL[,AUDIENCE] or nomad=…; may be repeated',
      collect,
    )
    .option('--token-audience <name>', 'what tokens shown to Citadel have to be made for (default: periplus-citadel)')
    .option(
      '--attest-nomad <url>',
      "believe workload identities of this Nomad, of allocations that run: URL[,ISSUER]; Citadel's own token: $NOMAD_TOKEN",
    )
    .option('--attest-consul <url>', 'believe ACL tokens of this Consul that stand for one service (`consul login`)')
    .option('--attest-ca <file>', 'believe client certificates that these CAs signed and that name a SPIFFE ID; PEM')
    .option(
      '--citadel-web-port <port>',
      `OIDC discovery and the trust bundle, over HTTPS, of the role citadel (default: ${defaultCitadelWebPort})`,
      portNumber,
    )
    .option('--citadel-web-cert <file>', "certificate of that port, PEM (default: Citadel's own SVID)")
    .option('--citadel-web-key <file>', 'its key')
    .option(
      '--federate <spec>',
      'know the workloads of another mesh: TRUST-DOMAIN=https://URL[,SPIFFE-ID,FILE] of its bundle, or TRUST-DOMAIN=FILE; may be repeated',
      collect,
    )
    .option('--jwt-issuer <url>', 'issuer of JWT-SVIDs: where others reach that port (default: https://localhost:PORT)')
    .option('--mixer-port <port>', `policy and telemetry, the role mixer (default: ${defaultMixerPort})`, portNumber)
    .option(
      '--mixer-address <ip>',
      'address at which proxies reach Mixer (default: --host, or the first of this machine)',
    )
    .option('--jwks-allow-private', 'fetch jwksUri of RequestAuthentications from loopback and private addresses too')
    .option('--name <name>', "this Pilot's name in events and proxy-status (default: pilot-HOSTNAME)")
    .addOption(logLevelOption());
}
