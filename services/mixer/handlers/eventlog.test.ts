import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../../events/envelope.ts';
import { MemoryLog } from '../../../events/logs/memory.ts';
import type { RequestsAggregated } from '../../../events/policy-facts.ts';
import type { Clock } from '../../../lib/clock.ts';
import { eventlogKind } from './eventlog.ts';
import type { Instance } from './handler.ts';
import { handlerContract } from './handler-contract.ts';
import { metricInstance, testMeans } from './report-fixture.ts';

const type = 'io.periplus.policy.requests-aggregated';
async function eventsOf(log: MemoryLog): Promise<RequestsAggregated['data'][]> {
  const events: RecordedEvent[] = [];
  for await (const event of log.read({})) events.push(event);
  return events.filter((event) => event.type === type).map(({ data }) => data as RequestsAggregated['data']);
}

handlerContract('eventlog', async () => {
  const facts = new MemoryLog();
  const kind = eventlogKind({ facts, name: 'mixer' });
  const delivered = async () =>
    (await eventsOf(facts)).flatMap(({ series }) => series).reduce((sum, { count }) => sum + count, 0);
  return { kind, handler: kind.create({}, testMeans), instances: [metricInstance], delivered };
});

describe('eventlog', () => {
  /** A handler whose intervals pass when the test says so. */
  function handling(facts: MemoryLog) {
    let nowMs = Date.UTC(2026, 10, 22, 12);
    let wake = () => {};
    const sleep: Clock['sleep'] = (_, signal) =>
      new Promise((resolve, reject) => {
        wake = resolve;
        signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const clock: Clock = { nowMs: () => nowMs, sleep };
    const handler = eventlogKind({ facts, name: 'mixer' }).create({}, { ...testMeans, clock });
    const stop = new AbortController();
    const running = handler.run?.(stop.signal);
    return {
      report: async (...batch: Instance[]) => await handler.report?.(batch, stop.signal),
      tick: () => {
        nowMs += 60_000;
        wake();
      },
      stop: async () => {
        stop.abort();
        await running;
      },
    };
  }
  const refused = (path: string, value = 1): Instance => ({
    ...metricInstance,
    fields: { value, dimensions: { path, code: 403 } },
  });

  it('sums up by dimensions, one event an interval, none where nothing happened', async () => {
    const log = new MemoryLog();
    const { report, tick, stop } = handling(log);
    await report(refused('/a'), refused('/a', 2.5), refused('/b'));
    tick();
    await expect.poll(async () => (await eventsOf(log)).length).toBe(1);
    tick();
    await report(refused('/a'));
    await stop();
    const series = (path: string, count: number, sum: number) => ({
      ...{ instance: 'requestcount.default', dimensions: { code: '403', path }, count, sum },
    });
    expect(await eventsOf(log)).toMatchObject([
      {
        ...{ handler: 'test.default', mixer: 'mixer', others: 0 },
        ...{ from: '2026-11-22T12:00:00.000Z', to: '2026-11-22T12:01:00.000Z' },
        series: [series('/a', 2, 3.5), series('/b', 1, 1)],
      },
      { series: [series('/a', 1, 1)] },
    ]);
  });

  it('is bounded, however many values clients think of', async () => {
    const log = new MemoryLog();
    const { report, stop } = handling(log);
    await report(...Array.from({ length: 150 }, (_, i) => refused(`/${'x'.repeat(1_000)}${i}`)));
    await report(...Array.from({ length: 150 }, (_, i) => refused(`/${i}`)));
    await stop();
    const [event] = await eventsOf(log);
    expect(event?.series.length).toBe(100);
    expect(event?.others).toBe(51);
    expect(JSON.stringify(event).length).toBeLessThan(40_000);
  });

  it('keeps the sums while the log is away', async () => {
    const log = new MemoryLog();
    const { report, tick, stop } = handling(log);
    const append = log.append.bind(log);
    let failed = 0;
    log.append = () => {
      failed++;
      return Promise.reject(new Error('away'));
    };
    await report(refused('/a'));
    tick();
    await expect.poll(() => failed).toBe(1);
    log.append = append;
    await report(refused('/a'), refused('/b'));
    await stop();
    expect((await eventsOf(log)).map(({ series }) => series.map(({ count }) => count))).toEqual([[2, 1]]);
  });
});
