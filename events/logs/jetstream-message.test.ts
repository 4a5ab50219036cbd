import { describe, expect, it } from 'vitest';
import { planAppend, prepareAppends } from './append-plan.ts';
import { testAppend } from './contract-fixture.ts';
import { batchHeaders, encodeTexts, messagesOf, storedMessage } from './jetstream-message.ts';
import { SequenceMap } from './shared-sequences.ts';

/** `count` planned events; subjects as `subjectOf` says. */
function planned(count: number, subjectOf: (index: number) => string, data: unknown = {}) {
  const empty = { position: 0, logHash: '', lastCheckpoint: 0, find: () => undefined, subject: () => undefined };
  const batch = Array.from({ length: count }, (_, i) => testAppend(`${i}`, subjectOf(i), { data }));
  return planAppend(empty, prepareAppends(batch)).batches[0] ?? [];
}

describe('messagesOf', () => {
  it('gives each of up to a thousand events a message on its subject', () => {
    const messages = messagesOf(
      planned(900, () => 'test/a.b'),
      1e6,
    );
    expect(messages).toHaveLength(900);
    expect(messages[0]?.subject).toBe('test.a%2Eb');
  });

  it('packs more, never two kinds into one message, and reads back what it packed', () => {
    const events = planned(5000, (i) => (i < 2500 ? 'registry/x' : 'config/y'));
    const messages = messagesOf(events, 1e6);
    expect(messages.length).toBeLessThan(50);
    for (const { subject, texts } of messages) {
      const kinds = new Set(texts.map((text) => (JSON.parse(text) as { subject: string }).subject.split('/')[0]));
      expect([...kinds]).toEqual([subject.split('.')[0]]);
    }
    const read = messages.flatMap(
      (message, i) =>
        storedMessage({ sequence: i + 1, subject: message.subject }, encodeTexts(message.texts), () => '').texts,
    );
    expect(read.map((text) => (JSON.parse(text) as { position: number }).position)).toEqual(
      events.map((_, i) => i + 1),
    );
  });

  it('refuses as exhausted what the server would not take', () => {
    expect(() =>
      messagesOf(
        planned(1, () => 'a', 'x'.repeat(99_000)),
        100_000,
      ),
    ).toThrow(/max_payload/);
    expect(() =>
      messagesOf(
        planned(2500, (i) => `${i % 2}/x`),
        1e6,
      ),
    ).toThrow(/at most 1000/);
  });
});

describe('storedMessage', () => {
  const withHeaders = (headers: Record<string, string>) =>
    storedMessage({ sequence: 1, subject: 'a.b' }, '{}', (name) => headers[name] ?? '');

  it('knows where batches end', () => {
    expect(withHeaders({}).endsBatch).toBe(true);
    expect(withHeaders({ [batchHeaders.id]: 'b' }).endsBatch).toBe(false);
    expect(withHeaders({ [batchHeaders.id]: 'b', [batchHeaders.commit]: '1' }).endsBatch).toBe(true);
  });
});

describe('SequenceMap', () => {
  it('maps positions to sequences across messages of one and of several events', () => {
    const map = new SequenceMap();
    const counts = [1, 1, 5, 3, 1, 1, 2, 1];
    const expected: { sequence: number; first: number }[] = [];
    let position = 1;
    for (const [i, count] of counts.entries()) {
      map.add(i + 1, position, count);
      for (let k = 0; k < count; k++) expected.push({ sequence: i + 1, first: position });
      position += count;
    }
    expect(expected.map((_, i) => map.of(i + 1))).toEqual(expected);
    for (const { sequence, first } of expected) expect(map.firstOf(sequence)).toBe(first);
  });
});
