// Runs an adapter over a platform that is recorded, or over a recording, and gives the facts that it makes.
import { MemoryLog } from '../../events/logs/memory.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { sameContent } from '../../mesh/config/same-content.ts';
import type { Adapter } from '../adapter.ts';
import { adapterFactTypes } from '../fact.ts';
import type { OpenPlatform } from '../platform-http.ts';
import { AdapterRunner } from '../runner.ts';
import type { Capture, CapturedFact, CapturedStep } from './capture-file.ts';
import { recordingPlatform } from './record-platform.ts';
import { ReplayPlatform } from './replay-platform.ts';

/** Makes the adapter over a platform, with a clock of the replay's. */
export type AdapterOver = (means: { readonly open: OpenPlatform; readonly clock: Clock }) => Adapter;

/** Records what the platform of `adapterOver` answers until `signal` aborts; resolves with the facts. `write` is called for each step. */
export async function captureFacts(
  adapterOver: AdapterOver,
  {
    clock,
    write,
    signal,
  }: { readonly clock: Clock; readonly write: (step: CapturedStep) => void; readonly signal: AbortSignal },
): Promise<readonly CapturedFact[]> {
  const open = recordingPlatform({ clock, write: (step) => !signal.aborted && write(step), until: signal });
  const stop = new AbortController();
  const { log, ended } = start(adapterOver({ open, clock }), clock, stop.signal);
  await Promise.race([ended, aborted(signal)]);
  // What is recorded last has its facts, too.
  await quiet(log);
  stop.abort();
  await ended;
  return await factsOf(log);
}

/** What a replay gave. */
export interface Replayed {
  readonly facts: readonly CapturedFact[];
  /** Recorded steps that the adapter did not ask for in their turn. */
  readonly passedOver: number;
  /** Subjects whose facts differ from the recorded ones, in order; empty when all is as it was. */
  readonly differing: readonly string[];
}

/** Waits of seconds are of no use where nobody else is waited for; none at all would spin. */
const replayClock: Clock = {
  nowMs: () => systemClock.nowMs(),
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal),
};

/** Plays `capture` to the adapter and compares. Rejects with what the adapter rejects with. */
export async function replayCapture(capture: Capture, adapterOver: AdapterOver): Promise<Replayed> {
  const platform = new ReplayPlatform(capture.steps);
  const stop = new AbortController();
  const { log, ended } = start(adapterOver({ open: platform.open, clock: replayClock }), replayClock, stop.signal);
  const played = platform.play(() => quiet(log), stop.signal);
  await Promise.race([played, ended]);
  stop.abort();
  await ended;
  const facts = await factsOf(log);
  return { facts, passedOver: platform.passedOver, differing: differing(capture.facts, facts) };
}

/** Without the rules for platforms that can fail: what is shown is what is said. */
function start(adapter: Adapter, clock: Clock, signal: AbortSignal) {
  const log = new MemoryLog();
  const runner = new AdapterRunner({ adapter, log, clock, logger: silentLogger });
  const ended = runner.run(signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return { log, ended };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Until nothing has been said for a while: what was played has had its effect. */
async function quiet(log: MemoryLog): Promise<void> {
  for (let still = 0, before = -1; still < 3; ) {
    await systemClock.sleep(15);
    const { position } = await log.head();
    still = position === before ? still + 1 : 0;
    before = position;
  }
}

async function factsOf(log: MemoryLog): Promise<readonly CapturedFact[]> {
  const facts: CapturedFact[] = [];
  for await (const { type, subject, data } of log.read())
    if (adapterFactTypes.includes(type)) facts.push({ type, subject, data });
  return facts;
}

/** Compared by subject: of things that don't concern each other no platform promises an order. */
function differing(recorded: readonly CapturedFact[], replayed: readonly CapturedFact[]): readonly string[] {
  const bySubject = (facts: readonly CapturedFact[]) => Map.groupBy(facts, ({ subject }) => subject);
  const [before, now] = [bySubject(recorded), bySubject(replayed)];
  const subjects = [...new Set([...before.keys(), ...now.keys()])].sort();
  return subjects.filter((subject) => !sameContent(before.get(subject) ?? [], now.get(subject) ?? []));
}
