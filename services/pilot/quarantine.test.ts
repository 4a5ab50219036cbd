// The event at which failing began is found in few passes, whatever the log's length.
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../events/logs/memory.ts';
import { configApplied, resourceOf } from '../../mesh/snapshot-fixture.ts';
import { findCulprit, quarantine, quarantineFact } from './quarantine.ts';
import { snapshotsAt } from './replay/snapshots-at.ts';

const time = '2026-01-01T00:00:00.000Z';

async function logOf(events: number): Promise<MemoryLog> {
  const log = new MemoryLog();
  const event = (i: number) => ({
    ...configApplied(resourceOf('Gateway', `g${i}`, {})),
    id: `e${i}`,
    source: '/test',
    time,
    actor: 'user:test',
    causes: [],
  });
  await log.append(Array.from({ length: events }, (_, i) => ({ event: event(i + 1) })));
  return log;
}

describe('findCulprit', () => {
  it.each([1, 2, 137, 299, 300])('finds event %i of 300 without knowing a good position', async (guilty) => {
    const facts = await logOf(300);
    const fails = (s: { config: { get(...at: [string, string, string]): unknown } }) =>
      s.config.get('Gateway', 'default', `g${guilty}`) !== undefined;
    expect((await findCulprit({ source: { facts }, good: 0, bad: 300, fails }))?.id).toBe(`e${guilty}`);
  });

  it('takes the one event between good and bad at its word', async () => {
    const facts = await logOf(5);
    expect((await findCulprit({ source: { facts }, good: 3, bad: 4, fails: () => true }))?.id).toBe('e4');
  });

  it('blames nobody when the failure does not show again, or is there from the start', async () => {
    const facts = await logOf(10);
    expect(await findCulprit({ source: { facts }, good: 2, bad: 9, fails: () => false })).toBeUndefined();
    expect(await findCulprit({ source: { facts }, good: 0, bad: 9, fails: () => true })).toBeUndefined();
  });

  it('leaves out what is quarantined already', async () => {
    const facts = await logOf(10);
    for await (const event of facts.read({ from: 3, to: 3 }))
      await quarantine(facts, quarantineFact(event, { reason: 'x', time }));
    const fails = (s: { config: { get(...at: [string, string, string]): unknown } }) =>
      ['g3', 'g7'].some((name) => s.config.get('Gateway', 'default', name) !== undefined);
    expect((await findCulprit({ source: { facts }, good: 2, bad: 11, fails }))?.id).toBe('e7');
  });
});

describe('snapshotsAt', () => {
  it('gives each position once, in order, up to the head', async () => {
    const facts = await logOf(10);
    const given: [number, number][] = [];
    for await (const s of snapshotsAt({ facts }, [7, 0, 3, 7, 99]))
      given.push([s.position, s.config.list('Gateway').length]);
    expect(given).toEqual([
      [0, 0],
      [3, 3],
      [7, 7],
    ]);
  });
});
