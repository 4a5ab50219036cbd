// The suite that every adapter passes, a third party's included: what it shows becomes facts, and nothing is lost or repeated.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import type { RecordedEvent } from '../events/envelope.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Snapshot } from '../mesh/snapshot.ts';
import { SnapshotBuilder } from '../mesh/snapshot-builder.ts';
import type { Adapter } from './adapter.ts';
import type { AdapterStatus } from './adapter-status.ts';
import { type PlatformRules, platformRules } from './platform-rules.ts';
import { AdapterRunner } from './runner.ts';

/** One platform (real or a stand-in) and a way to steer what it shows. */
export interface AdapterFixture {
  /** A new adapter over the platform, as after a restart of the control plane. */
  open(): Adapter;
  /** The platform has exactly these services, each with one endpoint whose labels have `app: NAME`. Resolves when it has. */
  show(names: readonly string[]): Promise<void>;
  /** The platform can't be read until the next `show`. Leave out where that can't happen. */
  readonly breakDown?: () => Promise<void>;
  /** Ways in which the platform goes wrong; leave out those that it can't. */
  readonly faults?: {
    readonly kinds: readonly PlatformFault[];
    /** An adapter whose platform can go wrong; its pauses between tries may be short. */
    open(): Adapter;
    /** It is so from now on, and what is under way is cut; undefined: it is well again. */
    set(fault: PlatformFault | undefined): Promise<void>;
  };
  close(): Promise<void>;
}

/** What goes wrong with platforms. After each of them nothing is gone, and the adapter says that it can't see, what it can't use, or that it holds a loss. */
export type PlatformFault =
  | 'lists nothing'
  | 'lists a part'
  | 'answers slowly'
  | 'hangs'
  | 'refuses the token'
  | 'is too busy'
  | 'answers nonsense'
  | 'counts from the beginning'
  | 'cuts its streams';

/** Faults that an adapter gets over without a word: what it sees is right, or it is right again at once. */
const harmless: ReadonlySet<PlatformFault> = new Set([
  'answers slowly',
  'counts from the beginning',
  'cuts its streams',
]);

/** Long enough for a busy machine; a passing run never waits for it. */
const patienceMs = 30_000;

/** Defines the suite for one adapter; `open` starts a fresh platform for each test. */
export function describeAdapterContract(name: string, open: () => Promise<AdapterFixture>): void {
  const withFixture =
    (test: (fixture: AdapterFixture, context: TestContext) => Promise<void>) => async (context: TestContext) => {
      const fixture = await open();
      try {
        await test(fixture, context);
      } finally {
        await fixture.close();
      }
    };
  describe(`${name} keeps the adapter contract`, { timeout: 120_000 }, () => {
    it('shows what the platform has, under its own platform name', withFixture(showsEverything));
    it('follows what appears and goes', withFixture(followsChanges));
    it('says nothing new after a restart when nothing changed', withFixture(staysQuiet));
    it('catches up after a restart with what changed meanwhile', withFixture(catchesUp));
    it('stops when told to', withFixture(stops));
    it('empties nothing when the platform breaks down, and continues when it is back', withFixture(survivesBreakdown));
    it('loses nothing by what goes wrong with its platform, and says so', withFixture(survivesFaults));
  });
}

async function showsEverything(fixture: AdapterFixture): Promise<void> {
  await fixture.show(['one', 'two']);
  const log = new MemoryLog();
  await using running = start(fixture, log);
  await running.untilServices(['one', 'two']);
  const { platform } = running.adapter;
  const { registry } = await snapshotOf(log);
  for (const [key, service] of registry.services) {
    expect(service.platform).toBe(platform);
    expect(registry.endpoints(key)).toMatchObject([
      { platform, labels: { app: expect.any(String) }, health: 'healthy' },
    ]);
  }
  await running.untilState('synced');
}

async function followsChanges(fixture: AdapterFixture): Promise<void> {
  await fixture.show(['one']);
  await using running = start(fixture, new MemoryLog());
  await running.untilServices(['one']);
  await fixture.show(['one', 'two']);
  await running.untilServices(['one', 'two']);
  await fixture.show(['two']);
  await running.untilServices(['two']);
  await fixture.show(['one', 'two']);
  await running.untilServices(['one', 'two']);
}

async function staysQuiet(fixture: AdapterFixture): Promise<void> {
  await fixture.show(['one', 'two']);
  const log = new MemoryLog();
  await runUntil(fixture, log, ['one', 'two']);
  const before = (await log.head()).position;
  await runUntil(fixture, log, ['one', 'two']);
  expect((await log.head()).position).toBe(before);
}

async function catchesUp(fixture: AdapterFixture): Promise<void> {
  await fixture.show(['one', 'two']);
  const log = new MemoryLog();
  await runUntil(fixture, log, ['one', 'two']);
  const before = (await log.head()).position;
  await fixture.show(['two', 'three']);
  await runUntil(fixture, log, ['two', 'three']);
  const touched = (await eventsOf(log)).slice(before).map(({ subject }) => subject);
  expect(touched.some((subject) => subject.includes('two'))).toBe(false);
}

async function stops(fixture: AdapterFixture): Promise<void> {
  await fixture.show(['one']);
  const running = start(fixture, new MemoryLog());
  await running.untilServices(['one']);
  const startedMs = performance.now();
  await running[Symbol.asyncDispose]();
  expect(performance.now() - startedMs).toBeLessThan(2_000);
}

async function survivesBreakdown(fixture: AdapterFixture, context: TestContext): Promise<void> {
  if (!fixture.breakDown) return context.skip('the platform of this fixture can not break down');
  await fixture.show(['one', 'two']);
  const log = new MemoryLog();
  await using running = start(fixture, log);
  await running.untilServices(['one', 'two']);
  await running.untilState('synced');
  await fixture.breakDown();
  await running.untilState('lost');
  expect(namesIn(await snapshotOf(log))).toEqual(['one', 'two']);
  await fixture.show(['two', 'three']);
  await running.untilServices(['two', 'three']);
  await running.untilState('synced');
}

async function survivesFaults(fixture: AdapterFixture, context: TestContext): Promise<void> {
  const { faults } = fixture;
  if (!faults) return context.skip('the platform of this fixture can not go wrong');
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  await fixture.show(names);
  const log = new MemoryLog();
  await using running = start({ open: () => faults.open() }, log, { ...platformRules(), flapWindowMs: 0 });
  await running.untilServices(names);
  await running.untilState('synced');
  const gone = async () => (await eventsOf(log)).filter(({ type }) => type.endsWith('deregistered'));
  let round = 0;
  for (const fault of faults.kinds) {
    await faults.set(fault);
    if (!harmless.has(fault)) await running.untilSaid(fault);
    expect(await gone(), fault).toEqual([]);
    await faults.set(undefined);
    // What it shows after is right, changes included.
    names.push(`after-${++round}`);
    await fixture.show(names);
    await running.untilServices(names);
    await running.untilWell();
    expect(await gone(), fault).toEqual([]);
  }
}

async function runUntil(fixture: AdapterFixture, log: MemoryLog, names: readonly string[]): Promise<void> {
  await using running = start(fixture, log);
  await running.untilState('synced');
  await running.untilServices(names);
}

function start(fixture: Pick<AdapterFixture, 'open'>, log: MemoryLog, rules: Partial<PlatformRules> = {}) {
  const controller = new AbortController();
  const adapter = fixture.open();
  const runner = new AdapterRunner({ adapter, log, clock: systemClock, logger: silentLogger, ...rules });
  let failure: unknown;
  const ended = runner.run(controller.signal).catch((error) => {
    if (!controller.signal.aborted) failure = error;
  });
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    for (const deadline = performance.now() + patienceMs; !(await isSo()); await sleep(10)) {
      if (failure) throw failure;
      if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms in vain for ${what}`);
    }
  };
  return {
    adapter,
    untilState: (state: AdapterStatus['state']) =>
      until(`state ${state}`, async () => runner.status.value?.state === state),
    untilSaid: (fault: string) =>
      until(`a word about "${fault}"`, async () => {
        const { state, heldCount = 0, problems } = runner.status.value ?? {};
        return state === 'lost' || heldCount > 0 || (problems?.size ?? 0) > 0;
      }),
    untilWell: () =>
      until('all to be well', async () => {
        const { state, heldCount, problems } = runner.status.value ?? {};
        return state === 'synced' && heldCount === 0 && problems?.size === 0;
      }),
    untilServices: (names: readonly string[]) =>
      until(
        `services ${[...names].join()}`,
        async () => namesIn(await snapshotOf(log)).join() === [...names].sort().join(),
      ),
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await ended;
    },
  };
}

/** Names of services that have an endpoint. */
function namesIn({ registry }: Snapshot): string[] {
  const names = [...registry.services].flatMap(([key, { name }]) => (registry.endpoints(key).length > 0 ? [name] : []));
  return names.sort();
}

/** The mesh that the facts in `log` make. */
export async function snapshotOf(log: MemoryLog): Promise<Snapshot> {
  return new SnapshotBuilder().applyAll(await eventsOf(log)).snapshot();
}

async function eventsOf(log: MemoryLog): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of log.read()) events.push(event);
  return events;
}
