// The Docker adapter: one engine's containers, listed anew whenever its events say that something changed. README.md says what users see.
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Adapter, AdapterSink, Observed } from '../adapter.ts';
import type { OpenPlatform } from '../platform-http.ts';
import { runSessions, runTogether } from '../sessions.ts';
import { type DockerAccess, DockerClient } from './client.ts';
import { isInMesh } from './container-labels.ts';
import type { DockerContainer, DockerEvent } from './docker-types.ts';
import { type DockerRules, dockerPlatform, isRunning, keysOf, nameOf, translateContainers } from './translate.ts';

/** Which engine, and how it is read. */
export interface DockerAdapterOptions extends DockerRules {
  readonly access: DockerAccess;
  /** Keeps several engines apart in the log; `default` by default. */
  readonly instance?: string;
  readonly clock?: Clock;
  readonly timing?: Partial<DockerTiming>;
  readonly open?: OpenPlatform;
}

/** Times, in milliseconds. */
export interface DockerTiming {
  /** An answer may take this long: an engine that starts many containers is slow. */
  readonly answerMs: number;
  /** The list is read this often even if no event came: events carry no heartbeat, so this is what tells a dead engine from a quiet one. */
  readonly resyncMs: number;
  /** Events that come together are one look: Compose starts many containers at once. */
  readonly settleMs: number;
  /** So long after an event the list is read again: the engine tells of some changes (`unpause`) before its own list shows them. */
  readonly recheckMs: readonly number[];
}

const defaultTiming: DockerTiming = { answerMs: 10_000, resyncMs: 15_000, settleMs: 20, recheckMs: [250, 2_000] };

/** Everything that an engine shows is one scope: a service may have containers of several projects. */
const scope = 'containers';

/** An adapter over one engine. Throws MeshError `usage` when the address is none. */
export function createDockerAdapter(options: DockerAdapterOptions): Adapter {
  return new DockerAdapter(options);
}

class DockerAdapter implements Adapter {
  readonly platform = dockerPlatform;
  readonly instance: string;
  readonly #client: DockerClient;
  readonly #clock: Clock;
  readonly #rules: DockerRules;
  readonly #timing: DockerTiming;
  /** Where the events continue; at first all that the engine still has: they tell what was removed while nobody looked. */
  #since = '1';
  /** Containers and services that the engine has said to be destroyed since the last look. */
  #destroyed = new Set<string>();
  /** The service of each container of the last list. */
  #services: ReadonlyMap<string, string> = new Map();
  #problems: ReadonlyMap<string, string> = new Map();

  constructor(options: DockerAdapterOptions) {
    const { access, instance = 'default', clock = systemClock, timing, open, ...rules } = options;
    this.instance = instance;
    this.#timing = { ...defaultTiming, ...timing };
    this.#client = new DockerClient(access, this.#timing.answerMs, open);
    this.#clock = clock;
    this.#rules = rules;
  }

  run(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    return runSessions((until) => this.#session(sink, until), { sink, clock: this.#clock, signal });
  }

  /** Rejects when the engine can't be read. */
  async #session(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    let wake = () => {};
    let isStale = false;
    const changed = () => {
      isStale = true;
      wake();
    };
    await runTogether(signal, async (until, beside) => {
      // Before the list, so that nothing falls between the two.
      const events = await this.#client.events(this.#since, until);
      beside(() => this.#follow(events, changed));
      const { resyncMs, recheckMs } = this.#timing;
      for (let rechecks = recheckMs.values(); ; ) {
        isStale = false;
        await this.#look(sink, until);
        if (!isStale) await this.#rest(rechecks.next().value ?? resyncMs, (resolve) => (wake = resolve), until);
        if (isStale) rechecks = recheckMs.values();
        await this.#clock.sleep(this.#timing.settleMs, until);
      }
    });
  }

  /** Until something has changed, or it is time to look anyway. */
  async #rest(ms: number, onWake: (wake: () => void) => void, signal: AbortSignal): Promise<void> {
    const rested = new AbortController();
    onWake(() => rested.abort());
    await this.#clock.sleep(ms, AbortSignal.any([signal, rested.signal])).catch(() => {});
    signal.throwIfAborted();
  }

  async #follow(events: AsyncIterable<DockerEvent>, changed: () => void): Promise<void> {
    for await (const event of events) {
      this.#note(event);
      changed();
    }
  }

  #note({ Type, Action, Actor, timeNano }: DockerEvent): void {
    // As text: nanoseconds since 1970 are beyond what a number holds exactly, so the place is a microsecond early; once more harms nothing.
    if (timeNano !== undefined) this.#since = (Math.floor(timeNano / 1_000) / 1_000_000).toFixed(6);
    const labels = Actor.Attributes ?? {};
    if (Type !== 'container' || Action !== 'destroy' || !labels.name || !isInMesh(labels)) return;
    const keys = keysOf(labels.name, labels, this.#rules);
    this.#destroyed.add(keys.container).add(keys.service);
  }

  async #look(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    // What is destroyed from now on may still be in this list, and is for the next one, too.
    const before = this.#destroyed;
    this.#destroyed = new Set();
    try {
      const containers = await this.#client.containers(signal);
      const { items, problems } = translateContainers(containers, this.#rules);
      const takenOut = this.#takenOut(containers, [...before, ...this.#destroyed]);
      for (const item of items) takenOut.delete(keyOf(item));
      await sink.replace(scope, items, { explicit: (gone) => takenOut.has(keyOf(gone)) });
      this.#tellProblems(problems, sink);
      await sink.synced([scope]);
    } catch (error) {
      for (const key of before) this.#destroyed.add(key);
      throw error;
    }
  }

  #tellProblems(problems: ReadonlyMap<string, string>, sink: AdapterSink): void {
    for (const name of this.#problems.keys()) if (!problems.has(name)) sink.problem(`container/${name}`, undefined);
    for (const [name, problem] of problems) sink.problem(`container/${name}`, `container ${name}: ${problem}`);
    this.#problems = problems;
  }

  /** What the engine says is no more: destroyed, or listed as stopped. What the list lacks without a word is not, and neither is its service. */
  #takenOut(containers: readonly DockerContainer[], destroyed: readonly string[]): Set<string> {
    const takenOut = new Set(destroyed);
    const members = new Map<string, string>();
    for (const container of containers) {
      const labels = container.Labels ?? {};
      if (!isInMesh(labels)) continue;
      const keys = keysOf(nameOf(container), labels, this.#rules);
      members.set(keys.container, keys.service);
      if (!isRunning(container)) takenOut.add(keys.container).add(keys.service);
    }
    for (const [name, service] of this.#services)
      if (!members.has(name) && !takenOut.has(name)) takenOut.delete(service);
    this.#services = members;
    return takenOut;
  }
}

/** Names of containers have no slash, keys of services have one. */
function keyOf({ kind, value }: Observed): string {
  if (kind === 'service') return `${value.namespace}/${value.hostname}`;
  return kind === 'endpoint' ? value.id : value.name;
}
