// What the admin API's routes share: the logs, the newest snapshot, the way to older ones, and who may be asked for readiness.
import type { MeshLogs } from '../../../events/event-log.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { snapshotAt } from '../replay/snapshots-at.ts';
import type { Environment } from '../translate/telemetry/environment-headers.ts';
import type { AdminAccess } from './auth/guard.ts';
import type { DeliveriesWatch } from './deliveries-watch.ts';
import type { IdentityAdmin } from './routes-identity.ts';
import type { StreamProgress } from './stream-progress.ts';
import { type Moment, parseWhen, resolveWhen } from './when.ts';

/** One thing that has to be well before this process is ready. `detail` says what is missing, for people. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ready: boolean;
  /** It is ready, but somebody should look. */
  readonly warning?: boolean;
  readonly detail: string;
}

/** Everything that the admin API is given. */
export interface AdminContext {
  readonly logs: MeshLogs;
  /** Pilot's newest snapshot; empty until the log has been read once. */
  readonly snapshots: Latest<Snapshot>;
  readonly deliveries: DeliveriesWatch;
  /** How far each open xDS stream is. */
  readonly progress: () => readonly StreamProgress[];
  /** Mesh-wide settings that every snapshot is folded with. */
  readonly mesh: MeshConfig;
  /** What `envName` of a provider's header may name, as Pilot has it; absent: nothing. */
  readonly environment?: Environment;
  /** What parts other than Pilot's snapshot and the logs say of themselves, e.g. adapters. */
  readonly readiness: () => readonly ReadinessCheck[];
  /** Metrics of other parts, in Prometheus text form. */
  readonly moreMetrics: () => string;
  /** Who may call beside this machine's users; absent: nobody. */
  readonly access?: AdminAccess;
  /** The Citadel in this process, if there is one. */
  readonly identity?: IdentityAdmin;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Periplus's version. */
  readonly version: string;
  /** Ends streams when the server stops. */
  readonly signal: AbortSignal;
}

/** The moment that a WHEN parameter names. Throws MeshError `invalid` or `not-found`. */
export async function momentOf(context: AdminContext, at: string | undefined): Promise<Moment> {
  return await resolveWhen(whenOf(at), context.logs.facts, context.clock);
}

/** Like `parseWhen`, with the error that fits a request. */
export function whenOf(at: string | undefined) {
  try {
    return parseWhen(at);
  } catch (error) {
    if (error instanceof MeshError && error.code === 'usage') throw new MeshError('invalid', error.message);
    throw error;
  }
}

/** The snapshot that a WHEN parameter names; the newest one when it is absent. Throws MeshError `unavailable` before the first. */
export async function snapshotFor(context: AdminContext, at: string | undefined): Promise<Snapshot> {
  if (at === undefined || at === 'now') {
    const newest = context.snapshots.value;
    if (newest === undefined) throw new MeshError('unavailable', 'the log is still being read; try again in a moment');
    return newest;
  }
  const moment = await momentOf(context, at);
  const newest = context.snapshots.value;
  return newest?.position === moment.position
    ? newest
    : await snapshotAt({ facts: context.logs.facts, mesh: context.mesh }, moment.position);
}
