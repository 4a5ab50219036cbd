// The composition root: it reads as the architecture. The log, channels, then the services; `compose-*.ts` beside it name each one's implementations.
import 'reflect-metadata';
import { Container, type ServiceIdentifier } from 'inversify';
import type { MeshLogs } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import { Latest } from '../lib/latest.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import { defaultMeshConfig } from '../mesh/config/mesh-config.ts';
import type { Citadel } from '../services/citadel/citadel.ts';
import type { Mixer } from '../services/mixer/mixer.ts';
import { createAdminServer } from '../services/pilot/admin/admin-server.ts';
import { TokenStore } from '../services/pilot/admin/auth/token-store.ts';
import type { AdminContext, ReadinessCheck } from '../services/pilot/admin/context.ts';
import { createDeliveriesWatch, type DeliveriesWatch } from '../services/pilot/admin/deliveries-watch.ts';
import { createIdentityApp } from '../services/pilot/admin/identity-app.ts';
import { progressElsewhere } from '../services/pilot/admin/progress-elsewhere.ts';
import { progressOfStreams } from '../services/pilot/admin/stream-progress.ts';
import { Pilot } from '../services/pilot/pilot.ts';
import { adapterMetrics } from './adapter-metrics.ts';
import { loadAdapterModules } from './adapter-modules.ts';
import { adapterReadiness } from './adapter-readiness.ts';
import { type ConfigFolders, composeAdapters, type RunningAdapter } from './compose-adapters.ts';
import { citadelReadiness, openCitadel } from './compose-citadel.ts';
import { composeFeedback } from './compose-feedback.ts';
import { openLogs } from './compose-logs.ts';
import { openMirrors } from './compose-mirrors.ts';
import { mixerReadiness, mixerStages, openMixer } from './compose-mixer.ts';
import type { ProcessConfig } from './config.ts';
import { credentialSources } from './credential-sources.ts';
import { createHealthServer } from './health-server.ts';
import { kubernetesAccess } from './kubernetes-access.ts';
import { mirrorMetrics } from './mirror-metrics.ts';
import { mixerIdentityOf } from './mixer-identity.ts';
import { packageVersion } from './package-info.ts';
import { pilotIdentityOf } from './pilot-identity.ts';
import { pilotPeers } from './pilot-peers.ts';
import type { Stage } from './stages.ts';

/** A process, put together and not yet started. */
export interface Composition {
  readonly logs: MeshLogs;
  /** Undefined without the role pilot. */
  readonly pilot: Pilot | undefined;
  /** Everything that the admin API's routes use; the demo applies its configuration with it. Undefined without the role pilot. */
  readonly admin: Omit<AdminContext, 'signal'> | undefined;
  /** Undefined without the role citadel. */
  readonly citadel: Citadel | undefined;
  /** Undefined without the role mixer. */
  readonly mixer: Mixer | undefined;
  /** What has to be well before the process is ready. */
  readonly readiness: () => readonly ReadinessCheck[];
  /** Ports once they are open. */
  readonly adminPort: Latest<number>;
  /** In the order in which they are to stop. */
  readonly stages: readonly Stage[];
  /** Closes the logs, after the stages have ended. */
  close(): Promise<void>;
}

const id = <T>(name: string): ServiceIdentifier<T> => Symbol.for(`periplus/${name}`);
const ids = {
  logs: id<MeshLogs>('logs'),
  pilot: id<Pilot>('pilot'),
  deliveries: id<DeliveriesWatch>('deliveries-watch'),
  adapters: id<readonly RunningAdapter[]>('adapters'),
  admin: id<Omit<AdminContext, 'signal'>>('admin-context'),
  adminPort: id<Latest<number>>('admin-port'),
  adminServer: id<Service>('admin-server'),
  healthServer: id<Service>('health-server'),
};

/** Puts the process together. Rejects with what opening the log rejects with. */
export async function compose(
  config: ProcessConfig,
  means: {
    readonly folders: ConfigFolders;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Gives up waiting for a log that other machines keep. */
    readonly signal?: AbortSignal;
  },
): Promise<Composition> {
  const { clock, logger } = means;
  const container = new Container({ defaultScope: 'Singleton' });
  // A kubeconfig that can't be used is wrong usage now; later it would be a platform that is lost.
  await Promise.all([...config.kubernetes, config.tokenReview ?? []].flat().map(kubernetesAccess));

  // Istio's defaults, with the trust domain that certificates are made for.
  const mesh = { ...defaultMeshConfig, ...(config.xds.mtls && { trustDomain: config.xds.mtls.trustDomain }) };

  // Adapters of others: a module that can't be loaded is wrong usage now; what fails later is a platform that is lost.
  const modules = await loadAdapterModules(config.adapterModules, { clock, logger });

  // The log. Facts are the only input of translation; deliveries is a leaf that people read.
  // Everything below meets in it, and nowhere else.
  const logs = await openLogs(config, means);
  container.bind(ids.logs).toConstantValue(logs);

  // Channels. Newest values only: who is slow skips what it missed.
  // Pilot's snapshots are its own channel (pilot.snapshots).
  container.bind(ids.adminPort).toConstantValue(new Latest<number>());

  // Adapters: platform → facts. One runner a folder or cluster; it appends what differs from what it said before.
  // They know nothing of Pilot.
  container
    .bind(ids.adapters)
    .toDynamicValue((parts) =>
      composeAdapters(config, { ...means, logs: parts.get(ids.logs), feedback: feedback?.feedback, modules }),
    );

  const metricsOfAdapters = () =>
    adapterMetrics(
      container.get(ids.adapters).map(({ status }) => status.value),
      clock.nowMs(),
    );

  // Deliveries, folded for people and for Citadel: what each proxy holds and refuses.
  // It only reads; no push can follow from it.
  container.bind(ids.deliveries).toDynamicValue((parts) => createDeliveriesWatch(parts.get(ids.logs).deliveries));

  // Citadel: proof of who asks → certificate, each issue and denial a fact. It knows neither Pilot nor adapters.
  const citadel = await openCitadel(config, { logs, clock, logger, deliveries: container.get(ids.deliveries) });
  // Pilot's certificate is Citadel's, too: of this process, or asked of another.
  const pilotIdentity = pilotIdentityOf(config, { citadel, facts: logs.facts, clock, logger });

  // Pilot: facts → snapshot → translation → xDS → ACK → deliveries.
  // It serves the last good state whatever happens to the log or to a translation.
  container.bind(ids.pilot).toDynamicValue(
    (parts) =>
      new Pilot({
        ...parts.get(ids.logs),
        clock,
        logger,
        name: config.name,
        xds: config.xds,
        ...(pilotIdentity && { mtls: pilotIdentity.mtls }),
        mesh,
        environment: process.env,
        ...(config.jwksAllowPrivate && { jwks: { allowPrivate: true } }),
        credentials: credentialSources(config, means),
      }),
  );

  // Feedback: findings and deliveries → the `.status` of a cluster's resources, which no adapter reads back.
  const deliveries = container.get(ids.deliveries);
  const feedback = composeFeedback(config, {
    logs,
    deliveries,
    pilot: () => container.get(ids.pilot),
    mesh,
    clock,
    logger,
  });

  // Mixer: policies (facts) and what proxies ask → verdicts, counts, telemetry. Proxies find it through the registry.
  const mixerIdentity = mixerIdentityOf(config, { citadel, pilot: pilotIdentity, facts: logs.facts, clock, logger });
  const mixer = await openMixer(config, {
    logs,
    clock,
    logger,
    ...(mixerIdentity && { identity: mixerIdentity.identity }),
  });

  // Mirrors: both logs → Kafka, and → whoever watches on NATS, which each Pilot offers and one of them does.
  // They only read the logs; nothing here waits for it, and readiness does not depend on it.
  const mirrors = await openMirrors(config, { logs, clock, logger });
  const metricsOfMirrors = () => mirrorMetrics(mirrors.map(({ status }) => status));
  const mirrorStage = { name: 'mirror', services: mirrors.flatMap(({ services }) => services) };

  const readinessWithoutPilot = () => [
    ...container.get(ids.adapters).map(({ status }) => adapterReadiness(status.value)),
    ...citadelReadiness(citadel),
    ...mixerReadiness(mixer),
  ];

  // Admin API: commands → facts, and everything that can be asked.
  // It appends through the same decisions as every other writer of configuration.
  container.bind(ids.admin).toDynamicValue((parts) => {
    const pilot = parts.get(ids.pilot);
    return {
      logs: parts.get(ids.logs),
      snapshots: pilot.snapshots,
      deliveries: parts.get(ids.deliveries),
      progress: () => [
        ...progressOfStreams(pilot.streams, pilot),
        ...progressElsewhere(parts.get(ids.deliveries).state(), config.name),
      ],
      mesh,
      environment: process.env,
      readiness: () => [
        { name: 'xds', ready: pilot.ready(), detail: pilot.ready() ? 'serves the newest state' : 'reading the log' },
        ...readinessWithoutPilot(),
        ...mutualTlsReadiness(pilot),
      ],
      moreMetrics: () => pilot.metrics.text() + metricsOfAdapters() + (mixer?.metricsText() ?? '') + metricsOfMirrors(),
      ...(citadel && { identity: citadel.admin }),
      access: { ...config.admin, tokens: new TokenStore({ folder: config.admin.tokenFolder, clock }) },
      clock,
      logger: logger.child({ part: 'admin' }),
      version: packageVersion(),
    };
  });
  container.bind(ids.adminServer).toDynamicValue((parts) =>
    createAdminServer({
      context: parts.get(ids.admin),
      host: config.admin.host,
      monitoringHost: config.host,
      ...(config.admin.tls && { tls: config.admin.tls }),
      adminPort: config.adminPort,
      ...(config.monitoringPort === undefined ? {} : { monitoringPort: config.monitoringPort }),
      onListening: ({ adminPort }) => parts.get(ids.adminPort).set(adminPort),
    }),
  );

  // Health of a process without Pilot, on the port where the admin API would be.
  container.bind(ids.healthServer).toDynamicValue((parts) =>
    createHealthServer({
      logs: parts.get(ids.logs),
      readiness: readinessWithoutPilot,
      host: config.host,
      ports: [config.adminPort, ...(config.monitoringPort === undefined ? [] : [config.monitoringPort])],
      version: packageVersion(),
      moreMetrics: () => metricsOfAdapters() + (mixer?.metricsText() ?? '') + metricsOfMirrors(),
      ...(citadel && { api: () => createIdentityApp({ identity: citadel.admin, clock, logger }) }),
      onListening: (port) => parts.get(ids.adminPort).set(port),
    }),
  );

  const close = async () => {
    await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  };
  const adminPort = container.get(ids.adminPort);
  const adapters = container.get(ids.adapters);
  if (!config.roles.has('pilot')) {
    return {
      logs,
      citadel,
      mixer,
      pilot: undefined,
      admin: undefined,
      adminPort,
      readiness: readinessWithoutPilot,
      stages: [
        ...mixerStages(mixer, mixerIdentity?.services),
        { name: 'Citadel', services: citadel?.services ?? [] },
        { name: 'adapters', services: [...adapters, ...(feedback?.services ?? [])] },
        { name: 'deliveries', services: citadel || feedback ? [deliveries] : [] },
        mirrorStage,
        { name: 'health', services: [container.get(ids.healthServer)] },
      ],
      close,
    };
  }
  const admin = container.get(ids.admin);
  const others = pilotPeers({
    pilot: container.get(ids.pilot),
    name: config.name,
    logs,
    deliveries: container.get(ids.deliveries),
    clock,
    logger,
  });
  return {
    logs,
    citadel,
    mixer,
    pilot: container.get(ids.pilot),
    admin,
    adminPort,
    readiness: admin.readiness,
    // No more commands and no more facts first; then the streams, whose ends are still recorded; then who reads them.
    stages: [
      { name: 'admin API', services: [container.get(ids.adminServer)] },
      ...mixerStages(mixer, mixerIdentity?.services),
      { name: 'Citadel', services: citadel?.services ?? [] },
      { name: 'adapters', services: adapters },
      { name: 'other Pilots', services: others },
      { name: 'Pilot', services: [container.get(ids.pilot), ...(pilotIdentity?.services ?? [])] },
      { name: 'deliveries', services: [container.get(ids.deliveries)] },
      mirrorStage,
    ],
    close,
  };
}

function mutualTlsReadiness(pilot: Pilot): readonly ReadinessCheck[] {
  const ready = pilot.servesMutualTls;
  if (ready === undefined) return [];
  return [
    { name: 'xds over mTLS', ready, detail: ready ? 'has a certificate' : 'waits for its certificate from Citadel' },
  ];
}
