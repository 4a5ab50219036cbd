// The one typed configuration of a process, made from the command line's flags; every wrong combination is named here.
import { join, resolve } from 'node:path';
import { hidden, parseJetStreamUrl } from '../events/logs/jetstream-url.ts';
import { kurrentDbScheme, parseKurrentDbUrl } from '../events/logs/kurrentdb-url.ts';
import type { KafkaAddress } from '../events/mirror/kafka-url.ts';
import type { LogLevel } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { CitadelConfig } from '../services/citadel/citadel.ts';
import type { MixerConfig } from '../services/mixer/mixer.ts';
import { type AdminConfig, type AdminFlags, adminConfigOf } from './config-admin.ts';
import { type CitadelFlags, citadelConfigOf } from './config-citadel.ts';
import { type ConsulDatacenterConfig, type ConsulFlags, consulDatacentersOf } from './config-consul.ts';
import { type DockerEngineConfig, type DockerFlags, dockerEnginesOf } from './config-docker.ts';
import { type KubernetesClusterConfig, type KubernetesFlags, kubernetesClustersOf } from './config-kubernetes.ts';
import { type MirrorFlags, mirrorConfigOf } from './config-mirror.ts';
import { type MixerFlags, mixerConfigOf } from './config-mixer.ts';
import { type AdapterModuleConfig, type AdapterModuleFlags, adapterModulesOf } from './config-modules.ts';
import { type NomadFlags, type NomadRegionConfig, nomadRegionsOf } from './config-nomad.ts';
import {
  type MutualTlsConfig,
  mixerIdentitySourceOf,
  type XdsConfig,
  type XdsFlags,
  xdsConfigOf,
  xdsPorts,
} from './config-xds.ts';

/** What `serve` can be. */
export type Role = 'pilot' | 'adapters' | 'citadel' | 'mixer' | 'mirror';

/** Where the logs are kept. */
export type LogStore =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly directory: string }
  /** `url` may hold a password: show `logStoreName`. */
  | { readonly kind: 'jetstream'; readonly url: string }
  | { readonly kind: 'kurrentdb'; readonly url: string };

/** See the file's first line. */
export interface ProcessConfig {
  readonly roles: ReadonlySet<Role>;
  readonly log: LogStore;
  /** Folder of YAML that the files adapter watches. */
  readonly configDirectory: string | undefined;
  /** Folder of Secrets and PEM files that Pilot reads the credentials of gateways from, beside the folders and clusters of configuration. */
  readonly secretsDirectory: string | undefined;
  /** Kubernetes clusters that adapters watch, and that Pilot reads the Secrets of gateways in. */
  readonly kubernetes: readonly KubernetesClusterConfig[];
  /** Consul datacenters that adapters watch. */
  readonly consul: readonly ConsulDatacenterConfig[];
  /** Nomad regions that adapters watch. */
  readonly nomad: readonly NomadRegionConfig[];
  /** Docker engines that adapters watch. */
  readonly docker: readonly DockerEngineConfig[];
  /** Adapters of others. */
  readonly adapterModules: readonly AdapterModuleConfig[];
  /** Folder for everything the process keeps. */
  readonly dataDirectory: string;
  /** Address to listen on, for every port. */
  readonly host: string;
  readonly xds: XdsConfig;
  readonly adminPort: number;
  readonly admin: AdminConfig;
  /** Metrics and health without the admin API; undefined: not opened. */
  readonly monitoringPort: number | undefined;
  /** Name of this Pilot in events and in `proxy-status`. */
  readonly name: string;
  readonly logLevel: LogLevel;
  /** Undefined without the role citadel. */
  readonly citadel: CitadelConfig | undefined;
  /** Undefined without the role mixer. */
  readonly mixer: MixerConfig | undefined;
  /** Where a Mixer apart from Pilot and Citadel gets its certificate. */
  readonly mixerIdentity: Pick<MutualTlsConfig, 'source' | 'trustDomain'> | undefined;
  /** Whether key sets of RequestAuthentications may lie at addresses that are not public. */
  readonly jwksAllowPrivate: boolean;
  /** Cluster that Citadel asks about tokens. */
  readonly tokenReview: KubernetesClusterConfig | undefined;
  /** Where both logs are copied to. */
  readonly mirror: KafkaAddress | undefined;
}

/** Flags of `serve` and `up`, as text and numbers; what is absent takes its default. */
export interface ServeFlags
  extends AdminFlags,
    AdapterModuleFlags,
    CitadelFlags,
    KubernetesFlags,
    ConsulFlags,
    DockerFlags,
    MixerFlags,
    MirrorFlags,
    NomadFlags,
    XdsFlags {
  readonly roles?: string;
  readonly log?: string;
  readonly config?: string;
  readonly secrets?: string;
  readonly data?: string;
  readonly host?: string;
  readonly adminPort?: number;
  readonly metricsPort?: number;
  readonly name?: string;
  readonly logLevel?: LogLevel;
  readonly jwksAllowPrivate?: boolean;
}

/** Ports of DESIGN.md's Public face. */
export const defaultPorts = {
  xds: xdsPorts.plaintext,
  xdsMtls: xdsPorts.mtls,
  admin: 15015,
  monitoring: 15014,
} as const;
/** In the current folder: what a mesh on this machine knows lies where its user can see it and delete it. */
export const defaultDataDirectory = '.periplus';

const roleNames: readonly string[] = ['pilot', 'adapters', 'citadel', 'mixer', 'mirror'] satisfies readonly Role[];

/** The configuration that `flags` mean. Throws MeshError `usage` saying what is wrong and what can be had. */
export function processConfigOf(
  flags: ServeFlags,
  defaults: { readonly name: string; readonly workingDirectory: string; readonly env?: NodeJS.ProcessEnv },
): ProcessConfig {
  const dataDirectory = resolve(defaults.workingDirectory, flags.data ?? defaultDataDirectory);
  const roles = rolesOf(flags.roles ?? 'pilot,adapters');
  const host = flags.host ?? '127.0.0.1';
  const log = logStoreOf(flags.log ?? `sqlite:${join(dataDirectory, 'log')}`, defaults.workingDirectory);
  // An embedded log belongs to one process, so what writes facts and what reads them must be in it together.
  if (!roles.has('pilot') && !isShared(log))
    throw new MeshError(
      'usage',
      'without the role pilot there must be a log that processes share: --log nats://HOST:PORT',
    );
  const readsClusters = roles.has('adapters') || roles.has('pilot') || roles.has('citadel');
  const has = { pilot: roles.has('pilot'), citadel: roles.has('citadel'), mixer: roles.has('mixer') };
  const identityMeans = { env: {}, ...defaults, host, has };
  const clusters = kubernetesClustersOf(flags, { ...defaults, wanted: readsClusters });
  return {
    roles,
    log,
    configDirectory: flags.config === undefined ? undefined : resolve(defaults.workingDirectory, flags.config),
    secretsDirectory: flags.secrets === undefined ? undefined : resolve(defaults.workingDirectory, flags.secrets),
    kubernetes: roles.has('adapters') || roles.has('pilot') ? clusters : [],
    jwksAllowPrivate: flags.jwksAllowPrivate ?? false,
    tokenReview: roles.has('citadel') ? clusters[0] : undefined,
    consul: consulDatacentersOf(flags, { env: {}, ...defaults, wanted: roles.has('adapters') }),
    nomad: nomadRegionsOf(flags, { env: {}, ...defaults, wanted: roles.has('adapters') }),
    docker: dockerEnginesOf(flags, { env: {}, ...defaults, wanted: roles.has('adapters') }),
    adapterModules: adapterModulesOf(flags, { ...defaults, wanted: roles.has('adapters') }),
    dataDirectory,
    host,
    xds: xdsConfigOf(flags, identityMeans),
    mixerIdentity: mixerIdentitySourceOf(flags, identityMeans),
    adminPort: flags.adminPort ?? defaultPorts.admin,
    admin: adminConfigOf(flags, { ...defaults, host, dataDirectory }),
    monitoringPort: flags.metricsPort,
    name: flags.name ?? defaults.name,
    logLevel: flags.logLevel ?? 'info',
    citadel: citadelConfigOf(flags, { ...defaults, dataDirectory, wanted: roles.has('citadel') }),
    mixer: mixerConfigOf(flags, { host, wanted: roles.has('mixer') }),
    mirror: mirrorConfigOf(flags, { wanted: roles.has('mirror'), durableLog: log.kind !== 'memory' }),
  };
}

/** Parses `--roles`. */
export function rolesOf(text: string): ReadonlySet<Role> {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new MeshError('usage', `--roles is empty: give ${roleNames.join(',')}`);
  for (const name of names) {
    if (!roleNames.includes(name))
      throw new MeshError('usage', `--roles: "${name}" is no role; the roles are ${roleNames.join(', ')}`);
  }
  return new Set(names as Role[]);
}

/** Parses `--log`. A relative folder is taken from `workingDirectory`. */
export function logStoreOf(text: string, workingDirectory: string): LogStore {
  if (text === 'memory:' || text === 'memory') return { kind: 'memory' };
  if (text.startsWith('sqlite:') && text.length > 'sqlite:'.length) {
    return { kind: 'sqlite', directory: resolve(workingDirectory, text.slice('sqlite:'.length)) };
  }
  const scheme = text.split(':')[0] ?? '';
  if (scheme === 'nats' || scheme === 'tls') {
    parseJetStreamUrl(text);
    return { kind: 'jetstream', url: text };
  }
  if (kurrentDbScheme.test(text)) {
    parseKurrentDbUrl(text);
    return { kind: 'kurrentdb', url: text };
  }
  if (scheme === 'kafka')
    throw new MeshError('usage', 'Kafka holds a copy, not the log: give --mirror kafka://HOST:PORT/TOPIC beside --log');
  throw new MeshError(
    'usage',
    `--log "${hidden(text)}" is no log store: give sqlite:DIR, nats://HOST:PORT, kurrentdb://HOST:PORT or memory:`,
  );
}

/** Whether several processes may have the log at the same time. */
function isShared(store: LogStore): boolean {
  return store.kind === 'jetstream' || store.kind === 'kurrentdb';
}

/** A log store as people are told of it, without secrets. */
export function logStoreName(store: LogStore): string {
  if (store.kind === 'memory') return 'in memory, gone when this process ends';
  return store.kind === 'sqlite' ? store.directory : hidden(store.url);
}
