import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { AdapterSink } from '../adapter.ts';
import type { PlatformReader } from '../platform-http.ts';
import { createDockerAdapter } from './adapter.ts';

describe('the Docker adapter', () => {
  it('sees a change that the engine tells of before its own list has it', async () => {
    let looks = 0;
    let looksBefore = Number.POSITIVE_INFINITY;
    let tell: (line: string) => void = () => {};
    // The first look after the event finds the old state.
    const container = (isPaused = ++looks <= looksBefore + 1) => ({
      ...{
        Id: 'c1',
        Names: ['/web-1'],
        State: isPaused ? 'paused' : 'running',
        Status: isPaused ? 'Up (Paused)' : 'Up',
      },
      Labels: { 'periplus.io/port': '80' },
      NetworkSettings: { Networks: { bridge: { IPAddress: '10.0.0.1' } } },
    });
    async function* events(signal: AbortSignal) {
      while (!signal.aborted) yield await new Promise<string>((resolve) => (tell = resolve));
    }
    const reader: PlatformReader = {
      where: 'a stand-in',
      get: async () => ({ status: 200, headers: {}, text: JSON.stringify([container()]) }),
      lines: async (_, { signal }) => events(signal),
    };
    const shown: string[] = [];
    const sink: Partial<AdapterSink> = {
      replace: async (_, items) => {
        for (const { kind, value } of items) if (kind === 'endpoint') shown.push(value.health);
      },
      ...{ synced: async () => {}, problem: () => {}, lost: () => {} },
    };
    // Without a second look it would be an hour.
    const timing = { settleMs: 1, recheckMs: [5, 20], resyncMs: 3_600_000 };
    const adapter = createDockerAdapter({ access: { address: 'unix:///x' }, timing, open: () => reader });
    const stop = new AbortController();
    const running = adapter.run(sink as AdapterSink, stop.signal).catch(() => {});
    const until = async (isSo: () => boolean) => {
      for (const end = performance.now() + 10_000; !isSo(); await sleep(5))
        if (performance.now() > end) throw new Error(`waited in vain: ${shown.join()}`);
    };
    // The two looks after the start are over, too.
    await until(() => shown.length === 3);
    looksBefore = looks;
    tell(JSON.stringify({ Type: 'container', Action: 'unpause', Actor: { ID: 'c1', Attributes: {} } }));
    await until(() => shown.at(-1) === 'healthy');
    expect(shown.slice(0, 5)).toEqual(['unhealthy', 'unhealthy', 'unhealthy', 'unhealthy', 'healthy']);
    stop.abort();
    tell('');
    await running;
  });
});
