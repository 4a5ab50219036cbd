// Registers the workloads of proxies that ask for it when they connect, and removes them some time after they left.
import { type ConfigApplied, type ConfigDeleted, configSubject } from '../../../events/config-facts.ts';
import type { NewEvent } from '../../../events/envelope.ts';
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import type { Clock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import { hasErrors } from '../../../mesh/config/problem.ts';
import type { WorkloadEntrySpec } from '../../../mesh/config/schemas/workload-entry.ts';
import type { WorkloadGroupSpec } from '../../../mesh/config/schemas/workload-group.ts';
import { validateResource } from '../../../mesh/config/validate.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import type { StreamIdentity } from '../xds/stream-observer.ts';
import { entryToWrite, isControlledBy, type Registrant, registrantOf, type WorkloadEntry } from './registered-entry.ts';

/** How long a proxy may be away before its entry goes, in ms: Istio's PILOT_WORKLOAD_ENTRY_GRACE_PERIOD. */
export const defaultGraceMs = 10_000;
/** How long to wait after the log refused, in ms. */
const retryMs = 500;

/** One WorkloadEntry that this Pilot looks after. */
interface Registration {
  readonly namespace: string;
  readonly name: string;
  /** Undefined when its proxy was connected before this Pilot started. */
  readonly registrant: Registrant | undefined;
  /** Open streams of its proxy. */
  readonly streams: Set<string>;
  /** Whether its proxy has been away for the grace period. Said by the timer: wall clocks jump, and timers come a moment early by them. */
  isOverdue: boolean;
}

/** What is known of an entry from the log itself: a snapshot may be behind. */
interface Recorded {
  readonly entry: WorkloadEntry | undefined;
  readonly version: number;
}

/** See the file's first line. It keeps the log in line with who is connected, whatever order things happen in. */
export class AutoRegistration implements Service {
  readonly name = 'auto-registration';
  readonly #facts: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #controller: string;
  readonly #graceMs: number;
  readonly #registrations = new Map<string, Registration>();
  /** Keys of registrations to be looked at. */
  readonly #dirty = new Set<string>();
  readonly #wake = new Latest<number>();
  #wakes = 0;
  #snapshot: Snapshot | undefined;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: {
    readonly facts: EventLog;
    readonly clock: Clock;
    readonly logger: Logger;
    /** This Pilot's name: entries carry it as their controller. */
    readonly pilot: string;
    readonly graceMs?: number;
  }) {
    this.#facts = options.facts;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#controller = options.pilot;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
  }

  /** A proxy's stream is open. */
  connected({ proxyId, streamId, context }: StreamIdentity): void {
    const registrant = registrantOf(proxyId, context);
    if (registrant === undefined) return;
    const { namespace, entry: name } = registrant;
    const key = keyOf(namespace, name);
    const streams = this.#registrations.get(key)?.streams ?? new Set();
    this.#registrations.set(key, { namespace, name, registrant, streams: streams.add(streamId), isOverdue: false });
    this.#look(key);
  }

  /** A proxy's stream is closed; another one of the same proxy may be open. */
  disconnected({ proxyId, streamId, context }: StreamIdentity): void {
    const registrant = registrantOf(proxyId, context);
    if (registrant === undefined) return;
    const key = keyOf(registrant.namespace, registrant.entry);
    const registration = this.#registrations.get(key);
    if (!registration?.streams.delete(streamId) || registration.streams.size > 0) return;
    this.#removeLater(key, registration);
  }

  /** A group may have come, or somebody may have removed an entry. Of the first snapshot: entries whose proxies left before this Pilot started. */
  snapshotChanged(snapshot: Snapshot): void {
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    const isSame = (kind: string) => before?.config.list(kind) === snapshot.config.list(kind);
    if (!isSame('WorkloadGroup') || !isSame('WorkloadEntry'))
      for (const key of this.#registrations.keys()) this.#look(key);
    if (before === undefined) this.#adopt(snapshot);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    // Entries found before this ran have their time from now on.
    for (const [key, registration] of this.#registrations)
      if (registration.streams.size === 0) this.#removeLater(key, registration);
    for await (const _ of this.#wake.watch(signal)) {
      while (this.#dirty.size > 0 && !signal.aborted) {
        if (!(await this.#work())) await this.#clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  #look(key: string): void {
    this.#dirty.add(key);
    this.#wake.set(++this.#wakes);
  }

  #removeLater(key: string, registration: Registration): void {
    if (this.#signal.aborted) return;
    this.#clock.sleep(this.#graceMs, this.#signal).then(
      () => {
        registration.isOverdue = true;
        this.#look(key);
      },
      () => {},
    );
  }

  #adopt(snapshot: Snapshot): void {
    for (const entry of snapshot.config.list<WorkloadEntrySpec>('WorkloadEntry')) {
      const { namespace, name } = entry;
      const key = keyOf(namespace, name);
      if (!isControlledBy(entry, this.#controller) || this.#registrations.has(key)) continue;
      const registration = { namespace, name, registrant: undefined, streams: new Set<string>(), isOverdue: false };
      this.#registrations.set(key, registration);
      this.#removeLater(key, registration);
    }
  }

  /** False when the log did not take it: try again. */
  async #work(): Promise<boolean> {
    const [key] = this.#dirty;
    const registration = key === undefined ? undefined : this.#registrations.get(key);
    if (key === undefined) return true;
    this.#dirty.delete(key);
    if (registration === undefined) return true;
    try {
      const { registrant, streams } = registration;
      const isConnected = registrant !== undefined && streams.size > 0;
      if (!isConnected && !registration.isOverdue) return true;
      const done = isConnected ? await this.#register(registrant) : await this.#remove(key, registration);
      if (!done) this.#dirty.add(key);
      return done;
    } catch (error) {
      this.#logger.warn({ entry: key, error: messageOf(error) }, 'auto-registration failed; trying again');
      this.#dirty.add(key);
      return false;
    }
  }

  async #register(registrant: Registrant): Promise<boolean> {
    const { namespace, group: groupName, entry: name, proxyId } = registrant;
    if (this.#snapshot === undefined) return true; // the first one brings this here again
    const group = this.#snapshot.config.get<WorkloadGroupSpec>('WorkloadGroup', namespace, groupName);
    if (group === undefined) {
      const message = 'no such WorkloadGroup: the workload is registered when there is one';
      this.#logger.warn({ proxy: proxyId, group: keyOf(namespace, groupName) }, message);
      return true;
    }
    const recorded = await this.#recorded(configSubject({ kind: 'WorkloadEntry', namespace, name }));
    const time = this.#time();
    const entry = entryToWrite(registrant, group, recorded.entry, { controller: this.#controller, time });
    if (entry === undefined) return true;
    const problems = validateResource(entry);
    if (hasErrors(problems)) {
      const problem = problems.map(({ message }) => message).join('; ');
      this.#logger.warn({ proxy: proxyId, entry: name, problem }, 'the workload can not be registered');
      return true;
    }
    const data = { ...entry, createdAt: entry.createdAt ?? time };
    const type: ConfigApplied['type'] = 'io.periplus.config.applied';
    return await this.#append({ type, data, actor: `proxy:${proxyId}`, time }, entry, recorded.version);
  }

  async #remove(key: string, registration: Registration): Promise<boolean> {
    const { namespace, name } = registration;
    const where = { kind: 'WorkloadEntry', namespace, name };
    const recorded = await this.#recorded(configSubject(where));
    // Its proxy may have gone to another Pilot, which is its controller then.
    const isOurs = recorded.entry !== undefined && isControlledBy(recorded.entry, this.#controller);
    const type: ConfigDeleted['type'] = 'io.periplus.config.deleted';
    const done =
      !isOurs ||
      (await this.#append({ type, data: where, actor: 'system:pilot', time: this.#time() }, where, recorded.version));
    if (done && this.#registrations.get(key) === registration && registration.streams.size === 0)
      this.#registrations.delete(key);
    else if (done) this.#look(key);
    return done;
  }

  async #recorded(subject: string): Promise<Recorded> {
    for await (const event of this.#facts.read({ subject, reverse: true, limit: 1 })) {
      const isApplied = event.type === 'io.periplus.config.applied';
      return { entry: isApplied ? (event.data as WorkloadEntry) : undefined, version: event.version };
    }
    return { entry: undefined, version: 0 };
  }

  /** False on a conflict: somebody else wrote the entry meanwhile. */
  async #append(
    fact: Pick<NewEvent, 'type' | 'data' | 'actor' | 'time'>,
    resource: { readonly kind: string; readonly namespace: string; readonly name: string },
    version: number,
  ): Promise<boolean> {
    const source = `/pilot/${this.#controller}`;
    const subject = configSubject(resource);
    const id = eventId({ source, subject, revision: version, content: { type: fact.type, data: fact.data } });
    const event: NewEvent = { ...fact, id, source, subject, causes: [] };
    return (await this.#facts.append([{ event, expectedVersion: version }])).ok;
  }

  #time(): string {
    return new Date(this.#clock.nowMs()).toISOString();
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
