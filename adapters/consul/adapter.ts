// The Consul adapter: one datacenter's catalog and health, followed by blocking queries. README.md says what users see.
import { type Clock, systemClock } from '../../lib/clock.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { Adapter, AdapterSink, Observed } from '../adapter.ts';
import type { OpenPlatform } from '../platform-http.ts';
import { runSessions, runTogether } from '../sessions.ts';
import { Slots } from '../slots.ts';
import { type ConsulAccess, type ConsulAnswer, ConsulClient, type ConsulLimits } from './client.ts';
import { type ConsulEntry, isCatalog, isEntries } from './consul-types.ts';
import { type ConsulMapping, consulPlatform, defaultMapping, translateEntries } from './translate.ts';

/** Which Consul, and how it is read. */
export interface ConsulAdapterOptions {
  readonly access: ConsulAccess;
  /** Keeps several datacenters apart in the log; by default the datacenter, partition and namespace asked for, or `default`. */
  readonly instance?: string;
  readonly mapping?: ConsulMapping;
  readonly clock?: Clock;
  readonly limits?: Partial<ConsulLimits>;
  /**
   * Blocking queries at a time; services beyond that are looked at in turn. 150 by default: Consul refuses the 201st connection of one
   * client (`http_max_conns_per_client`).
   */
  readonly maxWatches?: number;
  readonly open?: OpenPlatform;
}

/** Delays between tries while Consul can't be read: quick for a new leader, then no more than once in ten seconds. */
const retryMs = { min: 250, max: 10_000 };
/** With more services than watches each of them is looked at once in about this time, in milliseconds. */
const turnMs = 10_000;
/** Answers that come faster than this in a row are waited for: a Consul whose index does not block must not be asked in a busy loop. */
const pauseMs = 20;

/** An adapter over one datacenter. Throws MeshError `usage` when the URL is none. */
export function createConsulAdapter(options: ConsulAdapterOptions): Adapter {
  return new ConsulAdapter(options);
}

/** A service's newest answer. */
interface Look {
  readonly items: readonly Observed[];
  readonly problem: string | undefined;
  readonly index: number | undefined;
}

class ConsulAdapter implements Adapter {
  readonly platform = consulPlatform;
  readonly instance: string;
  readonly #client: ConsulClient;
  readonly #clock: Clock;
  readonly #mapping: ConsulMapping;
  readonly #maxWatches: number;
  readonly #listsItself: boolean;

  constructor(options: ConsulAdapterOptions) {
    const { access, mapping = defaultMapping, clock = systemClock, limits, maxWatches = 150 } = options;
    const asked = [access.datacenter, access.partition, access.namespace].filter((part) => part !== undefined);
    this.instance = options.instance ?? (asked.join('/') || 'default');
    this.#client = new ConsulClient(access, limits, options.open);
    this.#clock = clock;
    this.#mapping = mapping;
    this.#maxWatches = maxWatches;
    this.#listsItself = access.namespace === undefined && access.partition === undefined;
  }

  run(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    return runSessions((until) => this.#session(sink, until), { sink, clock: this.#clock, signal });
  }

  /**
   * Reads everything, then follows it until Consul can't be read (rejects) or starts anew (resolves): then everything has to be read
   * again, in one step, so that a Consul that lost its memory is judged by what it lost in all.
   */
  async #session(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    await runTogether(signal, async (until, beside) => {
      const slots = new Slots(this.#maxWatches);
      const watches = new Map<string, AbortController>();
      let count = 0;
      const watch = (name: string, index?: number) => {
        const ended = new AbortController();
        watches.set(name, ended);
        const options = { index, slots, count: () => count };
        beside(() => this.#follow(name, sink, AbortSignal.any([until, ended.signal]), options));
      };
      let catalog = await this.#catalog(sink, until);
      const looks = await this.#lookAtAll(catalog.names, sink, until);
      const usable = [...looks].filter(([, { problem }]) => problem === undefined);
      await sink.replaceAll(new Map(usable.map(([name, { items }]) => [scopeOf(name), items])));
      await sink.synced([...catalog.names].map(scopeOf));
      count = looks.size;
      for (const [name, { index }] of looks) watch(name, index);
      while (catalog.index !== undefined) {
        catalog = await this.#catalog(sink, until, catalog.index);
        const gone = [...watches.keys()].filter((name) => !catalog.names.has(name));
        for (const name of gone) {
          watches.get(name)?.abort();
          watches.delete(name);
          sink.problem(scopeOf(name), undefined);
        }
        // One step, so that many that vanish together are judged together.
        if (gone.length > 0) await sink.replaceAll(new Map(gone.map((name) => [scopeOf(name), []])));
        count = catalog.names.size;
        for (const name of catalog.names) if (!watches.has(name)) watch(name);
        await sink.synced([...catalog.names].map(scopeOf));
        await this.#clock.sleep(pauseMs, until);
      }
    });
  }

  async #catalog(sink: AdapterSink, signal: AbortSignal, after?: number) {
    const answer = await this.#client.get('/v1/catalog/services', { signal, after });
    if (!isCatalog(answer.body)) throw new MeshError('invalid', 'Consul answered something that is no catalog');
    const names = new Set<string>();
    const hosts = new Set<string>();
    for (const name of Object.keys(answer.body).sort()) {
      const host = name.toLowerCase();
      if (hosts.has(host)) sink.problem(scopeOf(name), 'another service has this name but for upper and lower case');
      else names.add(name);
      hosts.add(host);
    }
    this.#checkFilter(answer, names, sink);
    return { names, index: answer.index };
  }

  /**
   * A token without rights, or its absence, gives an empty catalog and not an error. Consul lists its own service, except in
   * Enterprise's other namespaces and partitions.
   */
  #checkFilter({ isFiltered }: ConsulAnswer, names: ReadonlySet<string>, sink: AdapterSink): void {
    if (names.size === 0 && (isFiltered || this.#listsItself)) {
      throw new MeshError(
        'forbidden',
        'the ACL token (or its absence) lets nothing be seen: it needs service:read and node:read; set CONSUL_HTTP_TOKEN or --consul-token-file',
      );
    }
    sink.problem('catalog', isFiltered ? 'the ACL token hides some services from Periplus' : undefined);
  }

  /** Every service once, some at a time. */
  async #lookAtAll(names: ReadonlySet<string>, sink: AdapterSink, signal: AbortSignal): Promise<Map<string, Look>> {
    const slots = new Slots(16);
    const looks = new Map<string, Look>();
    await Promise.all(
      [...names].map((name) =>
        slots.use(signal, async () => {
          const look = await this.#look(name, signal);
          sink.problem(scopeOf(name), look.problem);
          looks.set(name, look);
        }),
      ),
    );
    return new Map([...looks].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async #look(
    name: string,
    signal: AbortSignal,
    wait?: { readonly after: number; readonly waitMs?: number },
  ): Promise<Look> {
    const answer = await this.#client.get(`/v1/health/service/${encodeURIComponent(name)}`, { signal, ...wait });
    if (!isEntries(answer.body))
      throw new MeshError('invalid', `Consul's answer about ${name} has no list of instances`);
    const { items, problem } = translateEntries(answer.body satisfies readonly ConsulEntry[], this.#mapping);
    return { items, problem, index: answer.index };
  }

  /** Follows one service until `signal` aborts. What concerns all of Consul shows in the catalog's own query. */
  async #follow(
    name: string,
    sink: AdapterSink,
    signal: AbortSignal,
    {
      index,
      slots,
      count,
    }: { readonly index: number | undefined; readonly slots: Slots; readonly count: () => number },
  ): Promise<void> {
    const scope = scopeOf(name);
    let failures = 0;
    for (let after = index; !signal.aborted; ) {
      try {
        const isShared = count() > slots.size;
        const waitMs = Math.max(1, Math.floor((turnMs * slots.size) / Math.max(1, count())));
        const wait = after === undefined ? undefined : { after, ...(isShared && { waitMs }) };
        const look = await slots.use(signal, () => this.#look(name, signal, wait));
        if (look.index === undefined || look.index !== after || failures > 0) {
          sink.problem(scope, look.problem);
          if (look.problem === undefined && !signal.aborted) await sink.replace(scope, look.items);
          await this.#clock.sleep(pauseMs, signal);
        }
        after = look.index;
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof MeshError)) throw error;
        failures++;
        after = undefined;
        // A single failure is a leader election or a restart, of which the catalog's query tells.
        if (failures > 2) sink.problem(scope, messageOf(error));
        await this.#clock.sleep(Math.min(retryMs.min * 2 ** failures, retryMs.max), signal).catch(() => {});
      }
    }
  }
}

function scopeOf(name: string): string {
  return `service/${name}`;
}
