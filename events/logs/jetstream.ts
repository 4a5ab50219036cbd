// Opens the logs of a mesh in NATS JetStream, which any number of processes share.
import { join } from 'node:path';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { MeshLogs } from '../event-log.ts';
import type { Upcasts } from '../upcast.ts';
import { LogFollower } from './jetstream-follower.ts';
import { type NatsLink, openLink } from './jetstream-link.ts';
import { JetStreamLog } from './jetstream-log.ts';
import { StreamReader } from './jetstream-reader.ts';
import { readSeen, seenProblem } from './jetstream-seen.ts';
import { SnapshotStore } from './jetstream-snapshots.ts';
import { ensureStream, logStreamConfig, streamState } from './jetstream-stream.ts';
import { checkSync } from './jetstream-sync.ts';
import { type JetStreamAddress, parseJetStreamUrl } from './jetstream-url.ts';
import { StreamWriter } from './jetstream-writer.ts';
import { HeadWaiters } from './subscription.ts';

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

/** Wait between attempts to open a log on a server that is there but does not answer. */
const retryMs = 500;

/** Does it again for as long as the server goes away meanwhile, or is not ready. */
async function whenAvailable<T>(
  work: () => Promise<T>,
  { clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal | undefined },
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== 'unavailable' || signal?.aborted) throw error;
      logger.warn({ error: error.message }, 'the log can not be opened yet');
      await clock.sleep(retryMs, signal).catch(() => {});
    }
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
    return { facts, deliveries: await openLog({ ...options, log: 'deliveries', onClose }) };
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

async function openLog(options: OpenLog): Promise<JetStreamLog> {
  const { address, clock, link, log: name, logger, seenDirectory } = options;
  const stream = `${address.mesh}-${name}`;
  const subjectPrefix = `${address.mesh}.${name}`;
  const seenFile = seenDirectory === undefined ? undefined : join(seenDirectory, `seen-${stream}.json`);
  if (options.existing === true && (await streamState(link, stream)) === undefined)
    throw new MeshError('usage', `there is no log: NATS has no stream ${stream}`);
  await ensureStream(link, logStreamConfig(stream, subjectPrefix, address.replicas));
  const reader = new StreamReader(link, { stream, subjectPrefix }, clock);
  const onChange = () => log.changed();
  const follower = new LogFollower({
    stream,
    subjectPrefix,
    link,
    reader,
    clock,
    logger: logger.child({ stream }),
    onChange,
  });
  const log = new JetStreamLog({
    follower,
    reader,
    writer: new StreamWriter({ link, reader, follower, subjectPrefix, clock }),
    snapshots: new SnapshotStore({ link, mesh: address.mesh, log: name, replicas: address.replicas }),
    waiters: new HeadWaiters(),
    seenFile,
    upcasts: options.upcasts,
    onClose: options.onClose,
  });
  await follower.catchUp();
  if (follower.fault !== undefined) logger.error({ stream, error: follower.fault.message }, 'the log is damaged');
  if (seenFile !== undefined) await refuseAnotherPast({ log, follower, stream, seenFile });
  log.trust();
  follower.start();
  return log;
}

/** Throws MeshError `corrupt` when the log lacks or contradicts what the file says. */
async function refuseAnotherPast(input: {
  readonly log: JetStreamLog;
  readonly follower: LogFollower;
  readonly stream: string;
  readonly seenFile: string;
}): Promise<void> {
  const { follower, log, seenFile, stream } = input;
  const seen = readSeen(seenFile);
  if (seen === undefined) return;
  const { hash } = await log.head(seen.position);
  const problem = seenProblem(seen, follower.replica.head, hash);
  if (problem === undefined) return;
  const what = follower.fault?.message ?? problem;
  const advice = `This client has seen the log reach position ${seen.position}: restore the stream from a copy, or remove ${seenFile} to trust the server as it is`;
  throw new MeshError('corrupt', `${stream}: ${what}. ${advice}`);
}
