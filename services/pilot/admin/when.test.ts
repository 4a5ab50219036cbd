import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../lib/clock.ts';
import { parseDurationMs, parseWhen, resolveWhen } from './when.ts';

const clock: Clock = { nowMs: () => Date.parse('2026-11-22T12:00:00Z'), sleep: async () => {} };
const log = {
  head: async () => ({ position: 10 }),
  positionAt: async (time: string) => (time === '2026-11-22T11:45:00.000Z' ? 7 : 3),
};

describe('parseWhen', () => {
  it('reads the three forms and now', () => {
    expect(parseWhen('42')).toEqual({ kind: 'position', position: 42 });
    expect(parseWhen('2026-11-22T15:04:05+01:00')).toEqual({ kind: 'time', time: '2026-11-22T14:04:05.000Z' });
    expect(parseWhen('-15m')).toEqual({ kind: 'ago', agoMs: 900_000 });
    expect(parseWhen('now')).toEqual({ kind: 'now' });
    expect(parseWhen(undefined)).toEqual({ kind: 'now' });
  });

  it.each(['yesterday', '-', '-15', '-15x', '1.5', '2026-13-40T00:00:00Z', '2026-11-22', ''])(
    'refuses %j and says what it wants',
    (text) => {
      expect(() => parseWhen(text)).toThrow(/is not a moment: give a position/);
    },
  );

  it('adds up compound durations', () => {
    expect(parseDurationMs('1h30m')).toBe(5_400_000);
    expect(parseDurationMs('1.5s')).toBe(1500);
    expect(parseDurationMs('250ms')).toBe(250);
    expect(parseDurationMs('5')).toBeUndefined();
  });
});

describe('resolveWhen', () => {
  it('finds a time ago by the injected clock', async () => {
    expect(await resolveWhen(parseWhen('-15m'), log, clock)).toEqual({ position: 7, time: '2026-11-22T11:45:00.000Z' });
  });

  it('is the head for now', async () => {
    expect(await resolveWhen(parseWhen('now'), log, clock)).toEqual({ position: 10, time: undefined });
  });

  it('refuses a position beyond the head', async () => {
    await expect(resolveWhen(parseWhen('11'), log, clock)).rejects.toThrow('the log ends at 10');
    expect(await resolveWhen(parseWhen('10'), log, clock)).toEqual({ position: 10, time: undefined });
  });
});
