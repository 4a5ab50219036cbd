// Opens the logs of a mesh in KurrentDB, which any number of processes share.
import { type Clock, systemClock } from '../../lib/clock.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { EventLog, MeshLogs } from '../event-log.ts';
import { newestWins } from '../lease.ts';
import type { Upcasts } from '../upcast.ts';
import { KurrentDbLink } from './kurrentdb-link.ts';
import { KurrentDbSnapshots } from './kurrentdb-snapshots.ts';
import { KurrentDbStore } from './kurrentdb-store.ts';
import { parseKurrentDbUrl } from './kurrentdb-url.ts';
import { openSharedLog, whenAvailable } from './shared-open.ts';

/** How the logs are opened. */
export interface KurrentDbOptions {
  /** Name of this client in the server's lists. */
  readonly name?: string;
  /** Folder in which this client remembers how far it has seen each log; absent: nothing is remembered. */
  readonly seenDirectory?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly upcasts?: Upcasts;
  /** Whether the streams must be there already, for those who only read. */
  readonly existing?: boolean;
  /** Gives up waiting for the server. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the streams `MESH-facts` and `MESH-deliveries` (MESH: the URL's path, `periplus` by default), waiting for the server for as long as
 * it takes, and reads both to their ends. Throws MeshError `usage` for a malformed URL or an absent log that must exist, `invalid` for a
 * stream whose settings would lose events, `forbidden` for refused credentials, `unavailable` when `signal` aborts first, `corrupt`, naming
 * the position, when a log lacks or contradicts what this client has seen.
 */
export async function openKurrentDbLogs(url: string, options: KurrentDbOptions = {}): Promise<MeshLogs> {
  const { clock = systemClock, logger = silentLogger, signal } = options;
  const { connectionString, mesh } = parseKurrentDbUrl(url, options.name);
  return await whenAvailable(
    async () => {
      const link = new KurrentDbLink(connectionString, clock);
      try {
        return await openBoth({ ...options, link, mesh, clock, logger });
      } catch (error) {
        await link.close();
        throw error;
      }
    },
    { clock, logger, signal },
  );
}

interface OpenLogs extends KurrentDbOptions {
  readonly link: KurrentDbLink;
  readonly mesh: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

async function openBoth(options: OpenLogs): Promise<MeshLogs> {
  let open = 2;
  const onClose = async () => {
    if (--open === 0) await options.link.close();
  };
  const facts = await openLog(options, 'facts', onClose);
  try {
    return { facts, deliveries: await openLog(options, 'deliveries', onClose), leases: newestWins() };
  } catch (error) {
    await facts.close();
    throw error;
  }
}

async function openLog(options: OpenLogs, log: string, onClose: () => Promise<void>): Promise<EventLog> {
  const { clock, link, logger, seenDirectory, upcasts } = options;
  const stream = new KurrentDbStore(link, `${options.mesh}-${log}`);
  if (options.existing === true && (await stream.lastSequence()) === 0)
    throw new MeshError('usage', `there is no log: KurrentDB has no stream ${stream.name}`);
  await refuseForgetful(link, stream.name);
  const snapshots = new KurrentDbSnapshots(link, stream.name);
  return await openSharedLog({ stream, snapshots, seenDirectory, upcasts, clock, logger, onClose });
}

/** Settings by which a stream forgets its oldest events (docs.kurrent.io, Streams, Metadata). */
const forgetful = ['maxAge', 'maxCount', 'truncateBefore'] as const;

/** Throws MeshError `invalid` naming the setting by which the stream would lose events. */
async function refuseForgetful(link: KurrentDbLink, stream: string): Promise<void> {
  const { metadata } = await link.ask((client) => client.getStreamMetadata(stream));
  for (const setting of forgetful) {
    const value = metadata?.[setting];
    if (value === undefined) continue;
    const message = `the stream ${stream} has ${setting}=${String(value)}: its oldest events vanish; remove it from the stream's metadata`;
    throw new MeshError('invalid', message);
  }
}
