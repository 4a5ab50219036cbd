import { describe, expect, it } from 'vitest';
import type { StreamProgress } from './admin/stream-progress.ts';
import { type Announcement, announcementOf, progressAnnouncer } from './progress-announcer.ts';

const done = (proxyId: string, position: number): StreamProgress => ({
  proxyId,
  streamId: `s-${proxyId}`,
  position,
  settled: true,
});
const busy = (proxyId: string, position: number): StreamProgress => ({ ...done(proxyId, position), settled: false });

/** An announcer that looks once for each `look`. */
function announcer() {
  const given = { position: 1, streams: [] as readonly StreamProgress[] };
  const said: Announcement[] = [];
  let nowMs = 0;
  let wake = () => {};
  const stop = new AbortController();
  const service = progressAnnouncer({
    position: () => given.position,
    streams: () => given.streams,
    announce: (announcement) => said.push(announcement),
    clock: {
      nowMs: () => nowMs,
      sleep: () =>
        new Promise((resolve) => {
          wake = resolve;
        }),
    },
  });
  const running = service.run(stop.signal);
  return {
    said,
    look: async (position: number, streams: readonly StreamProgress[], afterMs = 100) => {
      Object.assign(given, { position, streams });
      nowMs += afterMs;
      wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
    stop: async () => {
      stop.abort();
      wake();
      await running;
    },
  };
}

describe('progressAnnouncer', () => {
  it('says once that all streams hold a position', async () => {
    const { look, said, stop } = announcer();
    await look(1, [busy('a', 0)]);
    await look(1, [done('a', 1)]);
    await look(1, [done('a', 1)]);
    await look(2, [done('a', 2), done('b', 2)]);
    await stop();
    expect(said).toEqual([
      { position: 1, waiting: 0, laggards: [] },
      { position: 2, waiting: 0, laggards: [] },
    ]);
  });

  it('names those that take longer than a second, and takes that back', async () => {
    const { look, said, stop } = announcer();
    await look(1, [done('a', 1), done('b', 1)]);
    await look(2, [done('a', 2), busy('b', 2)]);
    await look(2, [done('a', 2), busy('b', 2)], 1_000);
    await look(2, [done('a', 2), busy('b', 2)], 1_000);
    await look(2, [done('a', 2), done('b', 2)]);
    await stop();
    expect(said.slice(1)).toEqual([
      { position: 2, waiting: 1, laggards: ['b'] },
      { position: 2, waiting: 0, laggards: [] },
    ]);
  });

  it('says nothing without streams, but that the last one that lagged is gone', async () => {
    const { look, said, stop } = announcer();
    await look(1, []);
    await look(2, [busy('a', 1)], 1_000);
    await look(2, [busy('a', 1)], 1_000);
    await look(2, []);
    await look(3, []);
    await stop();
    expect(said).toEqual([
      { position: 2, waiting: 1, laggards: ['a'] },
      { position: 2, waiting: 0, laggards: [] },
    ]);
  });

  it('counts proxies, each as far as the slowest of its streams, and names twenty', () => {
    const many = Array.from({ length: 30 }, (_, i) => busy(`p${String(i).padStart(2, '0')}`, 5));
    expect(announcementOf([...many, done('p00', 5), done('q', 5), done('r', 4)], 5)).toMatchObject({ waiting: 31 });
    expect(announcementOf(many, 5).laggards).toHaveLength(20);
  });
});
