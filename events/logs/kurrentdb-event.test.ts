import { describe, expect, it } from 'vitest';
import { planAppend, prepareAppends } from './append-plan.ts';
import { testAppend } from './contract-fixture.ts';
import { messageOfRecord, outgoingEvents, storedMessages } from './kurrentdb-event.ts';

const empty = { position: 0, logHash: '', lastCheckpoint: 0, find: () => undefined, subject: () => undefined };
const data = { z: [1, null, 'ü\u0000\ud800'], a: { 10: true, 9: -0.5e-7 } };
const batch = [
  testAppend('1', 'config/a', { data, traceparent: 'tp', dataversion: 2, causes: ['c'] }),
  testAppend('2', 'registry/b', { data: null }),
];
const planned = planAppend(empty, prepareAppends(batch)).batches[0] ?? [];

/** What the client gives for what it was given: its texts are JSON both ways. */
const recordsOf = (events: ReturnType<typeof outgoingEvents>) =>
  events.map((event, i) => {
    const { data: read, metadata } = JSON.parse(JSON.stringify(event)) as { data: unknown; metadata: unknown };
    return { revision: BigInt(i), type: event.type, data: read, metadata };
  });

describe('events as KurrentDB keeps them', () => {
  it('have their data as data, the rest of the envelope as metadata, and a UUID of their own each time the same', () => {
    const [first] = outgoingEvents(planned);
    expect(first).toMatchObject({ type: 'test.happened', data, metadata: { subject: 'config/a', position: 1 } });
    expect(first?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(outgoingEvents(planned).map(({ id }) => id)).toEqual(outgoingEvents(planned).map(({ id }) => id));
    expect(new Set(outgoingEvents(planned).map(({ id }) => id)).size).toBe(2);
  });

  it('are read back to the byte', () => {
    expect(recordsOf(outgoingEvents(planned)).map(messageOfRecord)).toEqual(storedMessages(planned, 1));
    expect(storedMessages(planned, 1).map(({ kind, endsBatch }) => [kind, endsBatch])).toEqual([
      ['config', false],
      ['registry/b', true],
    ]);
  });

  it('give another text when anything of them was altered', () => {
    const [record] = recordsOf(outgoingEvents(planned));
    if (record === undefined) throw new Error('no record');
    const metadata = record.metadata as Record<string, unknown>;
    const altered = [
      { ...record, data: { ...data, z: 1 } },
      { ...record, type: 'test.other' },
      ...Object.keys(metadata)
        .filter((key) => !['specversion', 'endsBatch'].includes(key))
        .map((key) => ({ ...record, metadata: { ...metadata, [key]: 'x' } })),
    ];
    const [right] = storedMessages(planned, 1);
    for (const one of altered) expect(messageOfRecord(one).texts).not.toEqual(right?.texts);
  });

  it('that are none of ours give a text that is refused', () => {
    for (const metadata of [undefined, null, {}, new Uint8Array([1])])
      expect(() =>
        JSON.parse(messageOfRecord({ revision: 4n, type: 't', data: 1, metadata }).texts[0] ?? ''),
      ).toThrow();
  });
});
