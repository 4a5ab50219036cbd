// Property tests: whatever is appended and asked, a log behaves like a plain array of events.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { EventLog, ReadOptions } from '../event-log.ts';
import { collect, testAppend } from './contract-fixture.ts';
import { MemoryLog } from './memory.ts';
import { openSqliteLog } from './sqlite.ts';

interface ModelEvent {
  readonly id: string;
  readonly subject: string;
  readonly type: string;
  readonly second: number;
}
interface ModelAppend extends ModelEvent {
  readonly expectedVersion?: number;
}

/** The model: what `EventLog` promises, said as simply as can be. */
class Model {
  events: readonly ModelEvent[] = [];

  append(batch: readonly ModelAppend[]): 'ok' | 'conflict' {
    const events = [...this.events];
    for (const { expectedVersion, ...event } of batch) {
      if (events.some((one) => one.id === event.id)) continue;
      const version = events.filter((one) => one.subject === event.subject).length;
      if (expectedVersion !== undefined && expectedVersion !== version) return 'conflict';
      events.push(event);
    }
    this.events = events;
    return 'ok';
  }

  read({ from = 1, to = Number.POSITIVE_INFINITY, subject, types, reverse, limit }: ReadOptions): string[] {
    const found = this.events.filter(
      (event, i) =>
        i + 1 >= from &&
        i + 1 <= to &&
        (subject === undefined || event.subject === subject || event.subject.startsWith(`${subject}/`)) &&
        (types === undefined || types.includes(event.type)),
    );
    return (reverse ? found.reverse() : found).slice(0, limit).map((event) => event.id);
  }

  positionAt(second: number): number {
    return this.events.findLastIndex((event) => event.second <= second) + 1;
  }
}

const subjects = ['a', 'a/b', 'a/b/c', 'ab', 'a/'];
const types = ['t.one', 't.two'];
const append = fc.record(
  {
    id: fc.integer({ min: 1, max: 25 }).map(String),
    subject: fc.constantFrom(...subjects),
    type: fc.constantFrom(...types),
    second: fc.integer({ min: 0, max: 20 }),
    expectedVersion: fc.integer({ min: 0, max: 3 }),
  },
  { requiredKeys: ['id', 'subject', 'type', 'second'] },
);
const batches = fc.array(fc.array(append, { maxLength: 5 }), { maxLength: 12 });
const place = fc.integer({ min: -2, max: 30 });
const query = fc.record(
  {
    from: place,
    to: place,
    limit: fc.integer({ min: 0, max: 10 }),
    subject: fc.constantFrom(...subjects, 'c'),
    types: fc.subarray(types),
    reverse: fc.boolean(),
  },
  { requiredKeys: [] },
);

async function behavesLikeModel(
  log: EventLog,
  input: { batches: ModelAppend[][]; queries: ReadOptions[]; after: number },
) {
  const model = new Model();
  for (const batch of input.batches) {
    const result = await log.append(
      batch.map(({ id, subject, type, second, expectedVersion }) => ({
        ...testAppend(id, subject, { type, second }),
        ...(expectedVersion === undefined ? {} : { expectedVersion }),
      })),
    );
    expect(result.ok ? 'ok' : 'conflict').toBe(model.append(batch));
    if (result.ok) expect(result.events.map((event) => event.id)).toEqual(batch.map((one) => one.id));
    expect((await log.head()).position).toBe(model.events.length);
  }
  for (const options of input.queries) {
    const read = await collect(log.read(options));
    expect(read.map((event) => event.id)).toEqual(model.read(options));
  }
  for (let second = 0; second <= 21; second += 3) {
    const time = new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
    expect(await log.positionAt(time)).toBe(model.positionAt(second));
  }
  for (const subject of subjects) {
    expect(await log.subjectVersion(subject)).toBe(model.events.filter((event) => event.subject === subject).length);
  }
  await subscriptionLikeModel(log, model, Math.min(input.after, model.events.length));
  expect(await log.verify()).toMatchObject({ ok: true, events: model.events.length });
}

async function subscriptionLikeModel(log: EventLog, model: Model, after: number) {
  const abort = new AbortController();
  const ids: string[] = [];
  for await (const batch of log.subscribe({ after, signal: abort.signal, types: ['t.one'] })) {
    ids.push(...batch.events.map((event) => event.id));
    if (batch.live) abort.abort();
  }
  expect(ids).toEqual(model.read({ from: after + 1, types: ['t.one'] }));
}

const input = { batches, queries: fc.array(query, { maxLength: 6 }), after: fc.integer({ min: 0, max: 20 }) };

describe('a log behaves like its model', () => {
  it('in memory', () =>
    fc.assert(
      fc.asyncProperty(fc.record(input), async (what) => {
        await behavesLikeModel(new MemoryLog(), what);
      }),
      { numRuns: 300 },
    ));

  const dir = mkdtempSync(join(tmpdir(), 'periplus-model-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('in SQLite', async () => {
    let files = 0;
    const property = fc.asyncProperty(fc.record(input), async (what) => {
      const log = await openSqliteLog(join(dir, `${files++}.db`));
      try {
        await behavesLikeModel(log, what);
      } finally {
        await log.close();
      }
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
