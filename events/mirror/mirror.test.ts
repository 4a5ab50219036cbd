import { afterEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import { supervise } from '../../lib/service.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { RecordedEvent } from '../envelope.ts';
import type { EventLog } from '../event-log.ts';
import { type Leases, newestWins } from '../lease.ts';
import { testAppend, testAppends } from '../logs/contract-fixture.ts';
import { MemoryLog } from '../logs/memory.ts';
import { chunksOf, LogMirror, placeProblem } from './mirror.ts';
import type { MirrorPlace, MirrorTarget } from './mirror-target.ts';

/** A place in memory that fails when told to. */
class MemoryTarget implements MirrorTarget {
  readonly name = 'memory';
  readonly sent: number[] = [];
  noted: MirrorPlace | undefined;
  sessions = 0;
  /** Asked before each send and note. */
  fails: (what: 'send' | 'note') => boolean = () => false;

  async open() {
    this.sessions++;
    const attempt = (what: 'send' | 'note') => {
      if (this.fails(what)) throw new MeshError('unavailable', 'away');
    };
    return {
      place: async () => this.noted,
      send: async (events: readonly RecordedEvent[]) => {
        attempt('send');
        this.sent.push(...events.map(({ position }) => position));
      },
      note: async (place: MirrorPlace) => {
        attempt('note');
        this.noted = place;
      },
      close: async () => {},
    };
  }
}

/** Waits next to nothing between attempts. */
const hasty: Clock = { nowMs: () => systemClock.nowMs(), sleep: (_, signal) => systemClock.sleep(1, signal) };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function start(log: EventLog, target: MirrorTarget, leases?: Leases) {
  const mirror = new LogMirror({ name: 'facts', log, target, leases, holder: 'a', clock: hasty, logger: silentLogger });
  const abort = new AbortController();
  const done = supervise(mirror.services, { signal: abort.signal, clock: hasty, logger: silentLogger });
  const stop = async () => {
    abort.abort();
    await done;
  };
  stops.push(stop);
  return { mirror, stop };
}

async function logOf(count: number): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (let i = 0; i < count; i += 10) await log.append(testAppends(`${i}-`, 10));
  return log;
}
const until = (mirror: LogMirror, position: number) =>
  waitFor(() => mirror.status.position === position, { what: () => JSON.stringify(mirror.status) });
const through = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('a mirror', () => {
  it('copies what there is and then each new event, in order', async () => {
    const [log, target] = [await logOf(50), new MemoryTarget()];
    const { mirror } = start(log, target);
    await until(mirror, 50);
    await log.append([testAppend('new')]);
    await until(mirror, 51);
    expect(target.sent).toEqual(through(51));
    expect(target.noted).toEqual({ position: 51, hash: (await log.head()).hash });
    expect(mirror.status).toMatchObject({ state: 'copying', sentEvents: 51, failures: 0 });
  });

  it('goes on from where the copy ends, whichever process it is', async () => {
    const [log, target] = [await logOf(30), new MemoryTarget()];
    const first = start(log, target);
    await until(first.mirror, 30);
    await first.stop();
    await log.append(testAppends('more', 5));
    await until(start(log, target).mirror, 35);
    expect(target.sent).toEqual(through(35));
  });

  it.each(['send', 'note'] as const)('sends again, and skips nothing, when %s fails now and then', async (failing) => {
    const [log, target] = [await logOf(40), new MemoryTarget()];
    let calls = 0;
    target.fails = (what) => what === failing && ++calls % 3 === 1;
    const { mirror } = start(log, target, newestWins());
    for (let i = 0; i < 5; i++) await log.append(testAppends(`later${i}-`, 3));
    await until(mirror, 55);
    expect([...new Set(target.sent)]).toEqual(through(55));
    expect(mirror.status.failures).toBeGreaterThan(0);
    expect(target.noted?.position).toBe(55);
  });

  it('shows how far it is behind while the place is away, and does not keep the log from being written', async () => {
    const [log, target] = [await logOf(10), new MemoryTarget()];
    target.fails = () => true;
    const { mirror } = start(log, target);
    await waitFor(() => mirror.status.state === 'failing', { what: 'a failure' });
    await log.append(testAppends('more', 20));
    await waitFor(() => mirror.status.headPosition === 30, { what: () => JSON.stringify(mirror.status) });
    expect(mirror.status.position).toBe(0);
    target.fails = () => false;
    await until(mirror, 30);
  });

  it('adds nothing to the copy of another log', async () => {
    const target = new MemoryTarget();
    target.noted = { position: 10, hash: 'another' };
    const { mirror } = start(await logOf(20), target);
    await waitFor(() => mirror.status.failures > 1, { what: 'it to refuse' });
    expect(target.sent).toEqual([]);
    expect(placeProblem({ position: 9, hash: 'h' }, { position: 4, hash: 'x' })).toMatch(/ends at 4/);
    expect(placeProblem({ position: 9, hash: 'h' }, { position: 9, hash: 'h' })).toBeUndefined();
  });

  it('stands by while another process has the lease, and copies once it has it', async () => {
    const [log, target] = [await logOf(10), new MemoryTarget()];
    const turn = Promise.withResolvers<void>();
    const lost = new AbortController();
    const leases: Leases = {
      exclusive: true,
      acquire: async (_, { onStandby }) => {
        onStandby?.('b');
        await turn.promise;
        return { epoch: 1, lost: lost.signal, confirm: async () => true, release: async () => {} };
      },
    };
    const { mirror } = start(log, target, leases);
    await waitFor(() => mirror.status.state === 'standby', { what: 'it to stand by' });
    expect(target.sessions).toBe(0);
    turn.resolve();
    await until(mirror, 10);
  });
});

describe('chunksOf', () => {
  const event = (position: number, data: unknown) => ({ position, data }) as RecordedEvent;
  it('keeps order and bounds, and gives what is too large alone', () => {
    const events = through(1200).map((position) => event(position, position === 700 ? 'x'.repeat(2_000_000) : {}));
    const chunks = [...chunksOf(events)];
    expect(chunks.flat().map(({ position }) => position)).toEqual(through(1200));
    expect(chunks.map((chunk) => chunk.length)).toEqual([500, 199, 1, 500]);
    expect([...chunksOf([])]).toEqual([]);
  });
});
