// Opens one log of a shared stream: reads it to its end, compares it with what this client has seen before, then follows it.
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { Upcasts } from '../upcast.ts';
import { LogFollower } from './shared-follower.ts';
import { SharedLog } from './shared-log.ts';
import { readSeen, seenProblem } from './shared-seen.ts';
import type { SharedSnapshots, SharedStream } from './shared-stream.ts';
import { StreamWriter } from './shared-writer.ts';
import { HeadWaiters } from './subscription.ts';

/** What a log is opened with. */
export interface OpenSharedLog {
  readonly stream: SharedStream;
  readonly snapshots: SharedSnapshots;
  /** Folder in which this client remembers how far it has seen the log; absent: nothing is remembered. */
  readonly seenDirectory?: string | undefined;
  readonly upcasts?: Upcasts | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once, when the log is closed. */
  readonly onClose: () => Promise<void>;
}

/** Rejects with `unavailable` while the server is away, `corrupt`, naming the position, when the log lacks or contradicts what this client has seen. */
export async function openSharedLog(options: OpenSharedLog): Promise<SharedLog> {
  const { clock, onClose, seenDirectory, snapshots, stream, upcasts } = options;
  const logger = options.logger.child({ stream: stream.name });
  const seenFile = seenDirectory === undefined ? undefined : join(seenDirectory, `seen-${stream.name}.json`);
  const onChange = () => log.changed();
  const follower = new LogFollower({ stream, clock, logger, onChange });
  const writer = new StreamWriter({ stream, follower, clock });
  const waiters = new HeadWaiters();
  const log = new SharedLog({ stream, follower, writer, snapshots, waiters, seenFile, upcasts, onClose });
  await follower.catchUp();
  if (follower.fault !== undefined) logger.error({ error: follower.fault.message }, 'the log is damaged');
  if (seenFile !== undefined) await refuseAnotherPast({ log, follower, stream, seenFile });
  log.trust();
  follower.start();
  return log;
}

/** Wait between attempts to open a log on a server that is there but does not answer. */
const retryMs = 500;

/** Does it again for as long as the server goes away meanwhile, or is not ready. */
export async function whenAvailable<T>(
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

/** Throws MeshError `corrupt` when the log lacks or contradicts what the file says. */
async function refuseAnotherPast(input: {
  readonly log: SharedLog;
  readonly follower: LogFollower;
  readonly stream: SharedStream;
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
  throw new MeshError('corrupt', `${stream.name}: ${what}. ${advice}`);
}
