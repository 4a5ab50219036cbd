// Runs an agent with its Envoy: what `periplus sidecar` and `periplus gateway` do.
import { resolve } from 'node:path';
import { Agent } from '../agent/agent.ts';
import type { AgentOptions } from '../agent/agent-options.ts';
import { ensureEnvoy } from '../agent/envoy-binary.ts';
import type { ProbeOptions } from '../agent/probe.ts';
import type { ProxyIdentity } from '../agent/proxy-node.ts';
import { withMetadata } from '../agent/proxy-settings.ts';
import { createLogger, type LogLevel } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import { type OwnProxyConfig, readProxyConfig } from '../mesh/config/read-proxy-config.ts';
import { defaultPorts } from './config.ts';
import { type IdentityFlags, identitySourceOf } from './proxy-identity.ts';
import type { ProcessSurroundings } from './surroundings.ts';

/** Flags of `sidecar` and `gateway`; what is absent takes its default. */
export interface ProxyFlags extends IdentityFlags {
  readonly pilot?: readonly string[];
  readonly name?: string;
  readonly namespace?: string;
  readonly address?: readonly string[];
  readonly label?: readonly string[];
  readonly workload?: string;
  readonly serviceAccount?: string;
  readonly cluster?: string;
  readonly network?: string;
  readonly locality?: string;
  readonly interceptionMode?: 'NONE' | 'REDIRECT' | 'TPROXY';
  readonly httpProxyPort?: number;
  readonly host?: string;
  readonly envoyAdminPort?: number;
  readonly statusPort?: number;
  readonly readyPort?: number;
  readonly prometheusPort?: number;
  readonly concurrency?: number;
  readonly drain?: number;
  readonly probe?: string;
  readonly workloadGroup?: string;
  readonly execProbes?: boolean;
  readonly appMetrics?: string;
  readonly data?: string;
  readonly logLevel?: LogLevel;
}

/** What differs between machines. */
export interface ProxyDefaults {
  readonly type: 'sidecar' | 'router';
  /** The machine's host name, made fit for a workload's name. */
  readonly name: string;
  /** The machine's first address that is not loopback, or 127.0.0.1. */
  readonly address: string;
  readonly workingDirectory: string;
  /** Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The agent's options that `flags` mean, without its Envoy. Throws MeshError `usage`. */
export function agentOptionsOf(
  flags: ProxyFlags,
  defaults: ProxyDefaults,
): Omit<AgentOptions, 'envoy' | 'logger' | 'clock'> {
  const identity = withMetadata(identityOf(flags, defaults), { proxyMetadata: setIn(defaults.env) });
  const identitySource = identitySourceOf(flags, { env: {}, ...defaults });
  const defaultPort = identitySource === undefined || flags.xdsPlaintext ? defaultPorts.xds : defaultPorts.xdsMtls;
  const [first = `127.0.0.1:${defaultPort}`, ...others] = (flags.pilot ?? []).map(pilotAddress);
  const probe = flags.probe === undefined ? undefined : probeOf(flags.probe);
  const proxyConfig = ownProxyConfig(defaults.env?.PROXY_CONFIG);
  return {
    identity,
    ...(identitySource && { identitySource }),
    pilotAddresses: [first, ...others],
    folder: resolve(
      defaults.workingDirectory,
      flags.data ?? '.periplus',
      'proxies',
      `${identity.name}.${identity.namespace}`,
    ),
    ports: {
      ...(flags.envoyAdminPort !== undefined && { admin: flags.envoyAdminPort }),
      ...(flags.statusPort !== undefined && { status: flags.statusPort }),
      ...(flags.readyPort !== undefined && { readiness: flags.readyPort }),
      ...(flags.prometheusPort !== undefined && { prometheus: flags.prometheusPort }),
    },
    ...(flags.host !== undefined && { host: flags.host }),
    ...(flags.concurrency !== undefined && { concurrency: flags.concurrency }),
    ...(flags.drain !== undefined && { drainSeconds: flags.drain / 1000 }),
    ...(flags.appMetrics !== undefined && { appMetricsUrl: flags.appMetrics }),
    ...(probe !== undefined && { probe }),
    ...(proxyConfig !== undefined && { proxyConfig }),
    ...(flags.execProbes !== undefined && { execProbes: flags.execProbes }),
  };
}

/** Variables that are set: `ISTIO_META_NAME` is node metadata, as for Istio's agents. */
function setIn(env: ProxyDefaults['env'] = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

function identityOf(flags: ProxyFlags, defaults: ProxyDefaults): ProxyIdentity {
  const [address = defaults.address, ...others] = flags.address ?? [];
  const labels = Object.fromEntries((flags.label ?? []).map(label));
  const metadata = {
    ...(flags.httpProxyPort !== undefined && { HTTP_PROXY_PORT: String(flags.httpProxyPort) }),
    ...(flags.workloadGroup !== undefined && { AUTO_REGISTER_GROUP: flags.workloadGroup }),
  };
  return {
    type: defaults.type,
    name: flags.name ?? defaults.name,
    namespace: flags.namespace ?? 'default',
    addresses: [address, ...others],
    labels: defaults.type === 'router' && flags.label === undefined ? { istio: 'ingressgateway' } : labels,
    ...(flags.workload !== undefined && { workloadName: flags.workload }),
    ...(flags.serviceAccount !== undefined && { serviceAccount: flags.serviceAccount }),
    ...(flags.cluster !== undefined && { clusterId: flags.cluster }),
    ...(flags.network !== undefined && { network: flags.network }),
    ...(flags.locality !== undefined && { locality: flags.locality }),
    ...(flags.interceptionMode !== undefined && { interceptionMode: flags.interceptionMode }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}

function label(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new MeshError('usage', `--label "${text}" is no label: give KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function pilotAddress(text: string): string {
  const port = Number(/:(\d{1,5})$/.exec(text)?.[1]);
  if (!(port >= 1 && port <= 65_535)) throw new MeshError('usage', `--pilot "${text}" is no address: give HOST:PORT`);
  return text;
}

/** Istio's variable: the annotation `proxy.istio.io/config` of the workload's own, as YAML or JSON. */
function ownProxyConfig(text: string | undefined): OwnProxyConfig | undefined {
  if (!text) return undefined;
  const read = readProxyConfig(text);
  if ('problem' in read) throw new MeshError('usage', `$PROXY_CONFIG: ${read.problem}`);
  return read;
}

function probeOf(url: string): ProbeOptions {
  if (/^(https?|tcp):\/\/[^/]+/.test(url) && URL.canParse(url)) return { url };
  throw new MeshError('usage', `--probe "${url}" is no probe: give http://HOST:PORT/PATH or tcp://HOST:PORT`);
}

/** Runs until a signal comes; then Envoy drains. Gives the exit code. */
export async function runProxy(flags: ProxyFlags, defaults: ProxyDefaults, io: ProcessSurroundings): Promise<number> {
  const options = agentOptionsOf(flags, defaults);
  const say = (line: string) => io.err(`${line}\n`);
  const envoy = await ensureEnvoy({ onProgress: say, signal: io.signal });
  say(`Envoy ${envoy.version} (${envoy.path})`);
  say(
    `${options.identity.name}.${options.identity.namespace} asks ${options.pilotAddresses.join(', ')} for its configuration; Envoy's output is in ${options.folder}`,
  );
  const logger = createLogger({ level: flags.logLevel ?? 'info' });
  await new Agent({ ...options, envoy: envoy.path, logger, clock: io.clock }).run(io.signal);
  say('stopped');
  return 0;
}
