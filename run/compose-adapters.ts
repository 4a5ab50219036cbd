// The adapters of a process: which platforms it reads, and one runner for each.
import type { Adapter } from '../adapters/adapter.ts';
import type { AdapterStatus } from '../adapters/adapter-status.ts';
import { createConsulAdapter } from '../adapters/consul/adapter.ts';
import { createDockerAdapter } from '../adapters/docker/adapter.ts';
import { createFilesAdapter } from '../adapters/files/adapter.ts';
import { createKubernetesAdapter } from '../adapters/kubernetes/adapter.ts';
import type { ConfigFeedback } from '../adapters/kubernetes/config-feedback.ts';
import { LeasedAdapter } from '../adapters/leased-adapter.ts';
import { createNomadAdapter } from '../adapters/nomad/adapter.ts';
import type { OpenPlatform } from '../adapters/platform-http.ts';
import { type PlatformRules, platformRules } from '../adapters/platform-rules.ts';
import { AdapterRunner } from '../adapters/runner.ts';
import type { MeshLogs } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Latest } from '../lib/latest.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import type { ProcessConfig } from './config.ts';
import { kubernetesAccess } from './kubernetes-access.ts';

/** Folders that the files adapter watches, by the instance name that keeps them apart in the log. */
export type ConfigFolders = ReadonlyMap<string, string>;

/** An adapter and how it is doing. */
export type RunningAdapter = Service & { readonly status: Latest<AdapterStatus> };

/** The configuration's folders first, then its platforms. */
export function composeAdapters(
  config: ProcessConfig,
  means: {
    readonly folders: ConfigFolders;
    readonly logs: MeshLogs;
    readonly clock: Clock;
    readonly logger: Logger;
    /** For clusters whose resources' status is written. */
    readonly feedback: ConfigFeedback | undefined;
    /** Adapters of others. */
    readonly modules: readonly Adapter[];
  },
): readonly RunningAdapter[] {
  const { clock, logger, logs, modules } = means;
  const folders = config.roles.has('adapters') ? [...means.folders] : [];
  const platforms = [...platformAdapters(config, means), ...modules];
  // Only where processes share a log can there be another replica: then one of them writes.
  const leases = logs.leases;
  const run = (adapter: Adapter, rules: Partial<PlatformRules> = {}) => {
    const options = { adapter, log: logs.facts, clock, logger, ...rules };
    return leases ? new LeasedAdapter({ ...options, leases, replica: config.name }) : new AdapterRunner(options);
  };
  return [
    ...folders.map(([instance, folder]) => run(createFilesAdapter({ folder, instance, clock }))),
    ...platforms.map((adapter) => run(adapter, platformRules())),
  ];
}

/** Periplus' own adapters over the platforms that `config` names. */
export function platformAdapters(
  config: Pick<ProcessConfig, 'roles' | 'kubernetes' | 'consul' | 'nomad' | 'docker'>,
  {
    clock,
    feedback,
    open,
    access = kubernetesAccess,
  }: {
    readonly clock: Clock;
    readonly feedback?: ConfigFeedback | undefined;
    /** How platforms are reached, where that is not the network: a recording. */
    readonly open?: OpenPlatform;
    /** Of clusters, where that is not the kubeconfig's. */
    readonly access?: typeof kubernetesAccess;
  },
): readonly Adapter[] {
  const means = { clock, ...(open && { open }) };
  return [
    ...(config.roles.has('adapters') ? config.kubernetes : []).map((cluster) =>
      createKubernetesAdapter({
        ...cluster,
        access: () => access(cluster),
        ...means,
        ...(cluster.writesStatus && feedback && { feedback }),
      }),
    ),
    ...config.consul.map((datacenter) => createConsulAdapter({ ...datacenter, ...means })),
    ...config.nomad.map((region) => createNomadAdapter({ ...region, ...means })),
    ...config.docker.map((engine) => createDockerAdapter({ ...engine, ...means })),
  ];
}
