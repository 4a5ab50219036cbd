import { describe, expect, it } from 'vitest';
import type { Lease, LeaseRequest, Leases } from '../events/lease.ts';
import { newestWins } from '../events/lease.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Adapter, AdapterSink, Observed } from './adapter.ts';
import { LeasedAdapter } from './leased-adapter.ts';
import { eventsIn, ManualClock, settled } from './runner-fixture.ts';

/** Leases that a test takes away, with or without telling the holder. */
class HandLeases implements Leases {
  readonly exclusive = true;
  #epoch = 0;
  #holder: { readonly name: string; readonly lost: AbortController; told: boolean } | undefined;
  readonly #waiting: (() => void)[] = [];

  async acquire(_name: string, { holder, signal, onStandby }: LeaseRequest): Promise<Lease> {
    while (this.#holder) {
      onStandby?.(this.#holder.name);
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    }
    signal.throwIfAborted();
    const mine = { name: holder, lost: new AbortController(), told: false };
    this.#holder = mine;
    return {
      epoch: ++this.#epoch,
      lost: mine.lost.signal,
      confirm: async () => this.#holder === mine,
      release: async () => {
        if (this.#holder === mine) this.expire({ told: true });
      },
    };
  }

  /** The time of whoever holds it runs out; a paused process is not told. */
  expire({ told }: { readonly told: boolean }): void {
    const before = this.#holder;
    this.#holder = undefined;
    if (told) before?.lost.abort(new Error('expired'));
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

const service = (name: string): Observed => ({
  kind: 'service',
  value: {
    platform: 'consul',
    hostname: `${name}.service.consul`,
    name,
    namespace: 'default',
    labels: {},
    ports: [{ name: 'http', port: 80, protocol: 'HTTP' }],
    resolution: 'STATIC',
    location: 'MESH_INTERNAL',
    addresses: [],
    subjectAltNames: [],
  },
});

/** A replica whose adapter says what the test has it say. */
function replicaOf(log: MemoryLog, leases: Leases, replica: string) {
  let sink: AdapterSink | undefined;
  let terms = 0;
  const adapter: Adapter = {
    platform: 'consul',
    instance: 'dc1',
    run: (given, signal) => {
      terms++;
      sink = given;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
  const leased = new LeasedAdapter({ adapter, log, leases, replica, clock: new ManualClock(), logger: silentLogger });
  const stop = new AbortController();
  const running = leased.run(stop.signal).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    get sink() {
      if (!sink) throw new Error(`${replica} has no term yet`);
      return sink;
    },
    get terms() {
      return terms;
    },
    get state() {
      return leased.status.value?.state;
    },
    get writer() {
      return leased.status.value?.writer ?? '';
    },
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

/** `registered a`, `session 1`, … */
async function story(log: MemoryLog): Promise<string[]> {
  return (await eventsIn(log)).map(({ type, subject, data }) => {
    const { epoch } = data as { readonly epoch?: number };
    const what = type.split('.').at(-1) ?? '';
    return what === 'session-opened' ? `session ${epoch}` : `${what} ${subject.split('/').at(-1)}`;
  });
}

describe('replicas of an adapter', () => {
  it('one writes, the other stands by and says who writes', async () => {
    const [log, leases] = [new MemoryLog(), new HandLeases()];
    const [one, two] = [replicaOf(log, leases, 'one'), replicaOf(log, leases, 'two')];
    await settled();
    await one.sink.replace('all', [service('a')]);
    await one.sink.synced(['all']);
    expect([one.state, two.state, two.terms]).toEqual(['synced', 'standby', 0]);
    expect(two.writer).toMatch(/^one\//);
    expect(await story(log)).toEqual(['session 1', 'service-registered a.service.consul']);
    await Promise.all([one.stop(), two.stop()]);
  });

  it('the next takes over when the holder stops, and repeats nothing', async () => {
    const [log, leases] = [new MemoryLog(), new HandLeases()];
    const [one, two] = [replicaOf(log, leases, 'one'), replicaOf(log, leases, 'two')];
    await settled();
    await one.sink.replace('all', [service('a')]);
    await one.stop();
    await settled();
    await two.sink.replace('all', [service('a'), service('b')]);
    await two.sink.synced(['all']);
    expect(two.state).toBe('synced');
    expect(await story(log)).toEqual([
      'session 1',
      'service-registered a.service.consul',
      'session 2',
      'service-registered b.service.consul',
    ]);
    await two.stop();
  });

  it('whatever a paused holder writes late is refused by the log, and it stands by', async () => {
    const [log, leases] = [new MemoryLog(), new HandLeases()];
    const one = replicaOf(log, leases, 'one');
    await settled();
    await one.sink.replace('all', [service('a')]);
    leases.expire({ told: false });
    const two = replicaOf(log, leases, 'two');
    await settled();
    await two.sink.replace('all', [service('a'), service('b')]);
    await two.sink.synced(['all']);
    await expect(one.sink.replace('all', [service('late')])).rejects.toMatchObject({ code: 'conflict' });
    await settled();
    expect(await story(log)).toEqual([
      'session 1',
      'service-registered a.service.consul',
      'session 2',
      'service-registered b.service.consul',
    ]);
    expect([one.state, two.state]).toEqual(['standby', 'synced']);
    await two.stop();
    await settled();
    expect(one.terms).toBe(2);
    await one.sink.replace('all', [service('a'), service('b')]);
    expect((await story(log)).slice(4)).toEqual(['session 3']);
    await one.stop();
  });

  it('a holder that is told that its lease is over stops writing and waits', async () => {
    const [log, leases] = [new MemoryLog(), new HandLeases()];
    const [one, two] = [replicaOf(log, leases, 'one'), replicaOf(log, leases, 'two')];
    await settled();
    leases.expire({ told: true });
    await settled();
    expect(one.terms + two.terms).toBe(2);
    expect(new Set([one.state, two.state])).toEqual(new Set(['standby', 'starting']));
    await Promise.all([one.stop(), two.stop()]);
  });

  it('without a store of leases the newest writes, and the one before stands by for good', async () => {
    const log = new MemoryLog();
    const one = replicaOf(log, newestWins(), 'one');
    await settled();
    await one.sink.replace('all', [service('a')]);
    const two = replicaOf(log, newestWins(), 'two');
    await settled();
    await two.sink.replace('all', [service('a')]);
    await expect(one.sink.replace('all', [])).rejects.toMatchObject({ code: 'conflict' });
    await settled();
    expect([one.state, one.terms]).toEqual(['standby', 1]);
    await Promise.all([one.stop(), two.stop()]);
  });
});
