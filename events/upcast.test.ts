import { describe, expect, it } from 'vitest';
import { collect, testAppend, testEvent } from './logs/contract-fixture.ts';
import { MemoryLog } from './logs/memory.ts';
import { currentDataversion, type Upcasts, upcastEvent, upcasts } from './upcast.ts';

/** Version 1 had `host`, version 2 `hostname`, version 3 a list of them. */
const registry: Upcasts = new Map([
  [
    'test.happened',
    [
      (data: unknown) => ({ hostname: (data as { host: string }).host }),
      (data: unknown) => ({ hostnames: [(data as { hostname: string }).hostname] }),
    ],
  ],
]);
const recorded = { specversion: '1.0', position: 7, version: 1, previousHash: '' } as const;

describe('upcasts', () => {
  it('take the data of an old event through every version since', () => {
    const event = { ...testEvent('1', 'test/a', { data: { host: 'web' } }), ...recorded };
    expect(upcastEvent(event, registry)).toEqual({ ...event, dataversion: 3, data: { hostnames: ['web'] } });
    const second = { ...event, dataversion: 2, data: { hostname: 'web' } };
    expect(upcastEvent(second, registry).data).toEqual({ hostnames: ['web'] });
  });

  it('leave current events, and types that never changed, as they are', () => {
    const current = { ...testEvent('1', 'test/a', { dataversion: 3 }), ...recorded };
    expect(upcastEvent(current, registry)).toBe(current);
    const other = { ...testEvent('1', 'test/a', { type: 'test.other', dataversion: 9 }), ...recorded };
    expect(upcastEvent(other, registry)).toBe(other);
    expect(upcastEvent(current, upcasts)).toBe(current);
  });

  it('refuse an event of a newer build by its position', () => {
    const newer = { ...testEvent('1', 'test/a', { dataversion: 4 }), ...recorded };
    expect(() => upcastEvent(newer, registry)).toThrow('event 7 (test.happened) has dataversion 4');
  });

  it('know the version that is written', () => {
    expect(currentDataversion('test.happened', registry)).toBe(3);
    expect(currentDataversion('test.other', registry)).toBe(1);
  });

  it('apply when a log is read, while what is stored keeps its hash', async () => {
    const log = new MemoryLog({ upcasts: registry });
    await log.append([testAppend('1', 'test/a', { data: { host: 'web' } })]);
    const [event] = await collect(log.read());
    expect(event).toMatchObject({ dataversion: 3, data: { hostnames: ['web'] } });
    expect(await log.verify()).toMatchObject({ ok: true });
  });
});
