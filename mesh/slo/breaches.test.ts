// Firing samples become spans of time, and changes stand beside them.
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../events/envelope.ts';
import { breachesOf, leadMs, withEvents } from './breaches.ts';

const minute = 60_000;
const firing = (severity: string, ...minutes: number[]) => ({
  slo: 'default/reviews',
  severity,
  timesMs: minutes.map((at) => at * minute),
});

describe('breachesOf', () => {
  it('joins samples without a gap, over several windows of one severity, and ends at a gap', () => {
    const spans = breachesOf([firing('page', 10, 11, 12, 40), firing('page', 12, 13), firing('ticket', 11)], {
      stepMs: minute,
      endMs: 100 * minute,
    });
    expect(spans.map(({ severity, fromMs, toMs }) => [severity, fromMs / minute, (toMs ?? 0) / minute])).toEqual([
      ['page', 10, 13],
      ['ticket', 11, 11],
      ['page', 40, 40],
    ]);
  });

  it('leaves open what still fires', () => {
    expect(breachesOf([firing('page', 98, 99, 100)], { stepMs: minute, endMs: 100 * minute })[0]?.toMs).toBeUndefined();
  });
});

describe('withEvents', () => {
  const event = (subject: string, atMs: number) => ({ subject, time: new Date(atMs).toISOString() }) as RecordedEvent;

  it('shows configuration and registry events from a while before to the end, and no others', () => {
    const startMs = 60 * minute;
    const facts = [
      event('config/VirtualService/default/old', startMs - leadMs - 1),
      event('config/VirtualService/default/reviews', startMs - minute),
      event('identity/spiffe://cluster.local/ns/default/sa/x', startMs),
      event('registry/files/service/default/reviews', startMs + minute),
      event('config/VirtualService/default/late', startMs + 3 * minute),
    ];
    const span = { slo: 'default/reviews', severity: 'page', fromMs: startMs, toMs: startMs + 2 * minute };
    const [breach] = withEvents([span], facts, 100 * minute);
    expect(breach?.events.map(({ subject }) => subject)).toEqual([
      'config/VirtualService/default/reviews',
      'registry/files/service/default/reviews',
    ]);
  });
});
