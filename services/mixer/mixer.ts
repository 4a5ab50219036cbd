// Mixer put together: it follows the facts log, serves what proxies ask on one gRPC port, and is found through the registry.
import type { CountStore } from '../../events/count-store.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Leases } from '../../events/lease.ts';
import type { Clock } from '../../lib/clock.ts';
import { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Service } from '../../lib/service.ts';
import type { MeshConfig } from '../../mesh/config/mesh-config.ts';
import { FactReader } from '../../mesh/fact-reader.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { checkPart } from './check/check-part.ts';
import { type GrpcService, type MixerIdentity, MixerServer } from './grpc-server.ts';
import { builtInKinds } from './handlers/handler-kinds.ts';
import { HandlerSet } from './handlers/handler-set.ts';
import { Exposition } from './handlers/prometheus.ts';
import { MixerMetrics } from './metrics.ts';
import { watchOthers } from './presence.ts';
import { quotaPart } from './quota/quota-part.ts';
import { mixerRegistration } from './registration.ts';
import { reportPart } from './report/report-part.ts';

/** What a Mixer is told. */
export interface MixerConfig {
  /** 0: any free one. */
  readonly port: number;
  /** IP address under which proxies reach it. */
  readonly address: string;
}

/** What every part of a Mixer may use. */
export interface MixerMeans {
  /** The newest state of the mesh; nothing until the log has been read once. */
  readonly snapshots: Latest<Snapshot>;
  readonly facts: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MixerMetrics;
  /** Shared with other Mixers; undefined: this one counts alone. */
  readonly counts?: CountStore;
  /** Of this Mixer, in events. */
  readonly name: string;
}

/** A part of Mixer: what it serves on the gRPC port, and what runs beside it. */
export interface MixerPart {
  readonly grpc?: readonly GrpcService[];
  readonly services?: readonly Service[];
  /** Takes a newer state of the mesh, before `snapshots` shows it and before the port opens for the first time. */
  readonly use?: (snapshot: Snapshot) => void;
}

/** Every part. They share the handlers, which the rules name. */
const parts: readonly ((means: MixerMeans, handlers: HandlerSet) => MixerPart)[] = [checkPart, reportPart, quotaPart];

/** A Mixer, put together and not yet started. */
export interface Mixer {
  /** Stop these first: proxies hear that this Mixer goes while it still answers. */
  readonly registration: Service;
  readonly services: readonly Service[];
  /** The gRPC port once it is open. */
  readonly port: Latest<number>;
  readonly ready: () => boolean;
  /** In Prometheus's text form. */
  readonly metricsText: () => string;
}

/** Puts one together. */
export function createMixer(options: {
  readonly config: MixerConfig;
  readonly facts: EventLog;
  /** Shared with other Mixers; absent: this one counts alone. */
  readonly counts?: CountStore;
  /** Where several Mixers share the log: whoever is killed is taken out of the registry by another. */
  readonly leases?: Leases;
  /** Absent: proxies reach it in plaintext. */
  readonly identity?: MixerIdentity;
  readonly host: string;
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mesh: MeshConfig;
}): Mixer {
  const { config, facts, counts, leases, identity, host, name, clock, mesh } = options;
  const logger = options.logger.child({ part: 'mixer' });
  const metrics = new MixerMetrics();
  const exposition = new Exposition();
  const snapshots = new Latest<Snapshot>();
  const shared = counts === undefined ? {} : { counts };
  const means: MixerMeans = { snapshots, facts, clock, logger, metrics, name, ...shared };
  const handlers = new HandlerSet({
    clock,
    logger,
    metrics,
    kinds: builtInKinds(exposition, { facts, name }),
    ...(counts && { counts }),
  });
  const built = parts.map((create) => create(means, handlers));
  const take = (snapshot: Snapshot) => {
    for (const { use } of built) use?.(snapshot);
    snapshots.set(snapshot);
  };
  const reader = factReader({ facts, clock, logger, mesh, take, metrics });
  const services = built.flatMap(({ grpc }) => grpc ?? []);
  const known = { clock, logger, ...(identity && { identity }) };
  const server = new MixerServer({ host, port: config.port, services, ...known });
  const ready = () => reader.caughtUp && server.port.value !== undefined;
  return {
    registration: mixerRegistration({
      ...{ facts, port: server.port, address: config.address, name, clock, logger },
      ...(leases && { leases }),
      ...(identity && { serviceAccount: identity.serviceAccount }),
    }),
    services: [
      { name: 'mixer-reader', run: (signal) => reader.run(signal) },
      ...built.flatMap(({ services }) => services ?? []),
      afterCatchingUp(server, snapshots),
      ...(leases ? [watchOthers({ facts, leases, snapshots, name, clock, logger })] : []),
    ],
    port: server.port,
    ready,
    metricsText: () => metrics.text() + exposition.text(),
  };
}

/** The port opens only when the policies are known: a Mixer that knows none would allow everything. */
function afterCatchingUp(server: Service, snapshots: Latest<Snapshot>): Service {
  return {
    name: server.name,
    async run(signal) {
      for await (const _ of snapshots.watch(signal)) return await server.run(signal);
    },
  };
}

function factReader({
  metrics,
  take,
  ...means
}: Pick<MixerMeans, 'metrics' | 'facts' | 'clock' | 'logger'> & {
  readonly mesh: MeshConfig;
  readonly take: (snapshot: Snapshot) => void;
}): FactReader {
  return new FactReader({
    ...means,
    events: {
      snapshot: async (snapshot) => {
        metrics.snapshotPosition.set({}, snapshot.position);
        take(snapshot);
      },
      folded: (events) => metrics.eventsFolded.add({}, events),
      // Pilot searches for the event and quarantines it, an event that this reader meets too.
      broken: ({ bad, error }) => means.logger.warn({ position: bad, error }, 'an event can not be folded'),
      logFailed: () => metrics.logFailures.add({}, 1),
    },
  });
}
