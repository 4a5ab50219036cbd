// A clock for faults: what an adapter waits between tries is over soon; time itself is real.
import { type Clock, systemClock } from '../../lib/clock.ts';

/** Long enough not to spin. */
const longestMs = 100;

/** See the file's first line. */
export const quickClock: Clock = {
  nowMs: () => systemClock.nowMs(),
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, longestMs), signal),
};
