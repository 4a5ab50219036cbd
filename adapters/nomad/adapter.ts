// The Nomad adapter: one region's native services, listed and then followed through the event stream. README.md says what users see.
import { type Clock, systemClock } from '../../lib/clock.ts';
import { compareStrings } from '../../mesh/compare.ts';
import type { Adapter, AdapterSink, Observed } from '../adapter.ts';
import type { OpenPlatform } from '../platform-http.ts';
import { runSessions, runTogether } from '../sessions.ts';
import { Slots } from '../slots.ts';
import { type NomadAccess, NomadClient, type NomadLimits } from './client.ts';
import { NomadState, scopeOf } from './nomad-state.ts';
import type { NomadEvents, NomadRegistration } from './nomad-types.ts';
import { type NomadRules, nomadPlatform, translateInstances } from './translate.ts';

/** Which Nomad, and how it is read. */
export interface NomadAdapterOptions extends NomadRules {
  readonly access: NomadAccess;
  /** Keeps several regions apart in the log; by default the region asked for, or `default`. */
  readonly instance?: string;
  readonly clock?: Clock;
  readonly limits?: Partial<NomadLimits>;
  /** Pause between two looks at all allocations' checks, which no event tells of, in milliseconds. 5,000 by default. */
  readonly checksMs?: number;
  readonly open?: OpenPlatform;
}

/** Requests at a time: Nomad refuses the 101st connection of one client (`http_max_conns_per_client`). */
const maxRequests = 16;
/** Allocations without checks are asked for some in every so many rounds: a job may get checks while it runs. */
const roundsWithoutChecks = 12;

/** An adapter over one region. Throws MeshError `usage` when the URL is none. */
export function createNomadAdapter(options: NomadAdapterOptions): Adapter {
  return new NomadAdapter(options);
}

class NomadAdapter implements Adapter {
  readonly platform = nomadPlatform;
  readonly instance: string;
  readonly #client: NomadClient;
  readonly #clock: Clock;
  readonly #rules: NomadRules;
  readonly #checksMs: number;
  /** Where the events continue: after a break they tell what was deregistered meanwhile. */
  #index = 0;
  /** Instances, and services left without any, that this change deregistered. */
  readonly #takenOut = new Set<string>();

  constructor(options: NomadAdapterOptions) {
    const { access, instance, clock = systemClock, limits, checksMs = 5_000, open, ...rules } = options;
    this.instance = instance ?? access.region ?? 'default';
    this.#client = new NomadClient(access, limits, open);
    this.#clock = clock;
    this.#rules = { ...(access.region !== undefined && { region: access.region }), ...rules };
    this.#checksMs = checksMs;
  }

  run(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    return runSessions((until) => this.#session(sink, until), { sink, clock: this.#clock, signal });
  }

  /** Reads everything, then follows it until Nomad can't be read (rejects). Whatever was missed, the next session's lists show it. */
  async #session(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    await runTogether(signal, async (until, beside) => {
      // Before the lists, so that nothing falls between the two. It also tells at once whether the token may read all namespaces.
      const events = await this.#client.events(this.#index, until);
      const state = await this.#list(until);
      await this.#say(state.scopes(), { state, sink });
      await sink.synced(state.scopes());
      beside(() => this.#followChecks(state, sink, until));
      for await (const line of events) await this.#take(line, { state, sink });
    });
  }

  async #list(signal: AbortSignal): Promise<NomadState> {
    const { names, index } = await this.#client.services(signal);
    // A Nomad that lost its past counts from the beginning: so do we.
    if (index < this.#index) this.#index = index;
    const slots = new Slots(maxRequests);
    const instances = names.map((name) => slots.use(signal, () => this.#client.instances(name, signal)));
    const [registrations, allocations, jobs] = await Promise.all([
      Promise.all(instances),
      this.#client.allocations(signal),
      this.#client.jobs(signal),
    ]);
    const lists = { registrations: registrations.flat(), allocations, jobs };
    return new NomadState(lists);
  }

  /** One change of Nomad's, which may be many events, is one step. */
  async #take({ Index, Events }: NomadEvents, { state, sink }: Means): Promise<void> {
    const touched = new Set<string>();
    for (const event of Events ?? []) {
      const { scopes, takenOut } = state.apply(event);
      for (const scope of scopes) touched.add(scope);
      const registration = event.Payload?.Service;
      if (registration) this.#note(registration, { takenOut: takenOut !== undefined, state });
    }
    if (Index !== undefined && Index > this.#index) this.#index = Index;
    await this.#say([...touched], { state, sink });
    if (touched.size > 0) await sink.synced(state.scopes());
    this.#takenOut.clear();
  }

  #note(
    registration: NomadRegistration,
    { takenOut, state }: { readonly takenOut: boolean; readonly state: NomadState },
  ): void {
    const { ID, Namespace: namespace, ServiceName: name } = registration;
    const scope = scopeOf({ namespace, name });
    if (takenOut) {
      this.#takenOut.add(ID);
      if (state.instances(scope).length === 0) this.#takenOut.add(`${namespace}/${name.toLowerCase()}`);
    } else for (const key of [ID, `${namespace}/${name.toLowerCase()}`]) this.#takenOut.delete(key);
  }

  /** Says what the services are now, in one step. */
  async #say(scopes: readonly string[], { state, sink }: Means): Promise<void> {
    if (scopes.length === 0) return;
    const contents = new Map<string, readonly Observed[]>();
    const firstOf = new Map<string, string>();
    for (const scope of [...state.scopes()].sort(compareStrings))
      if (!firstOf.has(scope.toLowerCase())) firstOf.set(scope.toLowerCase(), scope);
    for (const scope of scopes) {
      const first = firstOf.get(scope.toLowerCase()) ?? scope;
      const { items, problem } =
        first !== scope
          ? { items: [], problem: 'another service has this name but for upper and lower case' }
          : translateInstances(state.instances(scope), this.#rules);
      sink.problem(scope, problem);
      if (problem === undefined) contents.set(scope, items);
    }
    if (contents.size > 0) await sink.replaceAll(contents, { explicit: (gone) => this.#takenOut.has(keyOf(gone)) });
  }

  async #followChecks(state: NomadState, sink: AdapterSink, signal: AbortSignal): Promise<void> {
    const slots = new Slots(maxRequests);
    const without = new Set<string>();
    for (let round = 0; ; round++) {
      if (round % roundsWithoutChecks === 0) without.clear();
      const touched = new Set<string>();
      const asked = state.checkable().filter(({ id }) => !without.has(id));
      await Promise.all(
        asked.map(({ id, namespace }) =>
          slots.use(signal, async () => {
            const checks = await this.#client.checks(id, namespace, signal);
            if (checks === undefined || Object.keys(checks).length === 0) without.add(id);
            if (checks !== undefined) for (const scope of state.checked(id, checks)) touched.add(scope);
          }),
        ),
      );
      await this.#say([...touched], { state, sink });
      await this.#clock.sleep(this.#checksMs, signal);
    }
  }
}

interface Means {
  readonly state: NomadState;
  readonly sink: AdapterSink;
}

/** IDs of registrations have no slash, keys of services have one. */
function keyOf({ kind, value }: Observed): string {
  if (kind === 'endpoint') return value.id;
  return kind === 'workload' ? value.name : `${value.namespace}/${value.name}`;
}
