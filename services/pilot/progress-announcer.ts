// Tells other Pilots, through the deliveries log, how far this Pilot's streams are: `apply --wait` counts the proxies of all Pilots.
import type { PilotProgressed } from '../../events/delivery-facts.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Service } from '../../lib/service.ts';
import { compareStrings } from '../../mesh/compare.ts';
import type { StreamProgress } from './admin/stream-progress.ts';

/** What one announcement says. */
export type Announcement = Omit<PilotProgressed['data'], 'pilot'>;

/** Between two looks at the streams, in ms: what people who wait do not notice. */
const lookMs = 100;
/** Streams that answer within this time are not told of while they have not, in ms: one event a change is the rule. */
const patienceMs = 1_000;
/** As many laggards as people are shown. */
const maxLaggards = 20;

/** See the file's first line. Says nothing while there are no streams and nothing has changed. */
export function progressAnnouncer(options: {
  /** Facts position that Pilot serves; undefined before it has read the log. */
  readonly position: () => number | undefined;
  readonly streams: () => readonly StreamProgress[];
  readonly announce: (announcement: Announcement) => void;
  readonly clock: Clock;
}): Service {
  const { announce, clock } = options;
  return {
    name: 'progress-announcer',
    run: async (signal) => {
      let last: Announcement = { position: 0, waiting: 0, laggards: [] };
      let lastMs = clock.nowMs();
      for (; !signal.aborted; await clock.sleep(lookMs, signal).catch(() => {})) {
        const position = options.position();
        const streams = options.streams();
        if (position === undefined || (streams.length === 0 && last.waiting === 0)) continue;
        const next = announcementOf(streams, position);
        if (same(next, last)) lastMs = clock.nowMs();
        else if (next.waiting === 0 || clock.nowMs() - lastMs >= patienceMs) {
          announce(next);
          [last, lastMs] = [next, clock.nowMs()];
        }
      }
    },
  };
}

/** How far the streams are as to a position. A proxy is as far as the slowest of its streams. */
export function announcementOf(streams: readonly StreamProgress[], position: number): Announcement {
  const behind = streams.filter((stream) => !stream.settled || stream.position < position);
  const laggards = [...new Set(behind.map(({ proxyId }) => proxyId))].sort(compareStrings);
  return { position, waiting: laggards.length, laggards: laggards.slice(0, maxLaggards) };
}

function same(a: Announcement, b: Announcement): boolean {
  return a.position === b.position && a.waiting === b.waiting && a.laggards.join() === b.laggards.join();
}
