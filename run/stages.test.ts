import { describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import { runStages } from './stages.ts';

describe('runStages', () => {
  it('starts all and stops each stage after the one before has ended', async () => {
    const events: string[] = [];
    const service = (name: string): Service => ({
      name,
      run: async (signal) => {
        events.push(`start ${name}`);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`end ${name}`);
      },
    });
    const stop = new AbortController();
    const running = runStages(
      [
        { name: 'proxies', services: [service('a'), service('b')] },
        { name: 'empty', services: [] },
        { name: 'servers', services: [service('c')] },
      ],
      {
        signal: stop.signal,
        clock: systemClock,
        logger: silentLogger,
        onStopping: ({ name }) => events.push(`stopping ${name}`),
      },
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toEqual(['start a', 'start b', 'start c']);
    stop.abort();
    await running;
    expect(events.slice(3)).toEqual(['stopping proxies', 'end a', 'end b', 'stopping servers', 'end c']);
  });
});
