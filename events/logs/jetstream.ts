// Opens the logs of a mesh in NATS JetStream, which any number of processes share.
import { type Clock, systemClock } from '../../lib/clock.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { EventLog, MeshLogs } from '../event-log.ts';
import type { Upcasts } from '../upcast.ts';
import { NatsCounts } from './jetstream-counts.ts';
import { defaultLeaseMs, NatsLeases } from './jetstream-lease.ts';
import { type NatsLink, openLink } from './jetstream-link.ts';
import { liveTarget } from './jetstream-live.ts';
import { SnapshotStore } from './jetstream-snapshots.ts';
import { JetStreamStore } from './jetstream-store.ts';
import { ensureStream, logStreamConfig, streamState } from './jetstream-stream.ts';
import { checkSync } from './jetstream-sync.ts';
import { type JetStreamAddress, parseJetStreamUrl } from './jetstream-url.ts';
import { openSharedLog, whenAvailable } from './shared-open.ts';

/** How the logs are opened. */
export interface JetStreamOptions {
  /** Name of this client in the server's lists. */
  readonly name?: string;
  /**
   * Folder in which this client remembers how far it has seen each log. With it a server that has lost the end of a log, or has
   * another past, is refused. Absent: nothing is remembered.
   */
  readonly seenDirectory?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly upcasts?: Upcasts;
  /** Whether the streams must be there already, for those who only read; absent: they are made. */
  readonly existing?: boolean;
  /** Gives up waiting for the server. */
  readonly signal?: AbortSignal;
}

/**
 * Opens `MESH-facts` and `MESH-deliveries` (MESH: the URL's path, `periplus` by default), waiting for the server for as long as it takes,
 * and reads both to their ends. Throws MeshError `usage` for a malformed URL or an absent log that must exist, `invalid` for refused credentials or a stream or server
 * whose settings would lose events, `unavailable` when `signal` aborts first, `corrupt`, naming the position, when a log lacks or
 * contradicts what this client has seen.
 */
export async function openJetStreamLogs(url: string, options: JetStreamOptions = {}): Promise<MeshLogs> {
  const address = parseJetStreamUrl(url);
  const { clock = systemClock, logger = silentLogger, name = 'periplus' } = options;
  const { signal } = options;
  const link = await openLink({ address, name, clock, logger, ...(signal && { signal }) });
  try {
    return await whenAvailable(() => openBoth({ ...options, address, link, clock, logger }), { clock, logger, signal });
  } catch (error) {
    await link.close();
    throw error;
  }
}

async function openBoth(options: Omit<OpenLog, 'log' | 'onClose'>): Promise<MeshLogs> {
  const { address, link, logger } = options;
  await checkSync(address, logger);
  let open = 2;
  const onClose = async () => {
    if (--open === 0) await link.close();
  };
  const facts = await openLog({ ...options, log: 'facts', onClose });
  try {
    const deliveries = await openLog({ ...options, log: 'deliveries', onClose });
    const { mesh, replicas, leaseMs = defaultLeaseMs } = address;
    const leases = new NatsLeases({ ...options, mesh, replicas, leaseMs });
    const live = liveTarget({ ...options, mesh, replicas, logs: { facts, deliveries } });
    const counts = new NatsCounts({ link, mesh, replicas });
    return { facts, deliveries, leases, live, counts };
  } catch (error) {
    await facts.close();
    throw error;
  }
}

interface OpenLog extends JetStreamOptions {
  readonly address: JetStreamAddress;
  /** `facts` or `deliveries`. */
  readonly log: string;
  readonly link: NatsLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onClose: () => Promise<void>;
}

async function openLog(options: OpenLog): Promise<EventLog> {
  const { address, clock, link, log, logger, onClose, seenDirectory, upcasts } = options;
  const stream = `${address.mesh}-${log}`;
  const subjectPrefix = `${address.mesh}.${log}`;
  if (options.existing === true && (await streamState(link, stream)) === undefined)
    throw new MeshError('usage', `there is no log: NATS has no stream ${stream}`);
  await ensureStream(link, logStreamConfig(stream, subjectPrefix, address.replicas));
  return await openSharedLog({
    stream: new JetStreamStore(link, { stream, subjectPrefix }, clock),
    snapshots: new SnapshotStore({ link, mesh: address.mesh, log, replicas: address.replicas }),
    seenDirectory,
    upcasts,
    clock,
    logger,
    onClose,
  });
}
