// What the contract suite needs of an implementation, and the events it is run with.
import type { NewEvent, RecordedEvent } from '../envelope.ts';
import type { Append, AppendResult, EventBatch, EventLog } from '../event-log.ts';

/** A log to test. */
export interface LogFixture {
  /** An empty log. */
  readonly log: EventLog;
  /** Closes `log` and opens the same store again; absent for a log that doesn't outlive its process. */
  readonly reopen?: () => Promise<EventLog>;
  /** Closes and deletes everything. */
  readonly dispose: () => Promise<void>;
}

/** Opens an empty log of the implementation under test. */
export type OpenForTest = () => Promise<LogFixture>;

/** Runs `body` with an empty log and cleans up after it. */
export async function withLog(
  open: OpenForTest,
  body: (log: EventLog, fixture: LogFixture) => Promise<void>,
): Promise<void> {
  const fixture = await open();
  try {
    await body(fixture.log, fixture);
  } finally {
    await fixture.dispose();
  }
}

/** An event for tests: its second in 2026 is `second`. */
export function testEvent(
  id: string,
  subject = 'test/a',
  more: Partial<NewEvent> & { readonly second?: number } = {},
): NewEvent {
  const { second = 0, ...rest } = more;
  return {
    id,
    source: '/test',
    type: 'test.happened',
    subject,
    time: new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString(),
    actor: 'user:test',
    causes: [],
    data: { id },
    ...rest,
  };
}

/** An append of a test event. */
export function testAppend(id: string, subject = 'test/a', more: Parameters<typeof testEvent>[2] = {}): Append {
  return { event: testEvent(id, subject, more) };
}

/** `count` appends `PREFIX1`, `PREFIX2`, … spread over three subjects. */
export function testAppends(prefix: string, count: number): Append[] {
  return Array.from({ length: count }, (_, i) => testAppend(`${prefix}${i + 1}`, `test/${i % 3}`, { second: i }));
}

/** The result when it is one of success; fails the test otherwise. */
export function succeeded(result: AppendResult): Extract<AppendResult, { ok: true }> {
  if (!result.ok) throw new Error(`append conflicted: ${JSON.stringify(result)}`);
  return result;
}

/** All that an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Ids in order. */
export function idsOf(events: readonly RecordedEvent[]): string[] {
  return events.map((event) => event.id);
}

/** Takes batches until their bookmark reaches `bookmark`. */
export async function batchesUntil(batches: AsyncIterator<EventBatch>, bookmark: number): Promise<EventBatch[]> {
  const taken: EventBatch[] = [];
  while ((taken.at(-1)?.bookmark ?? -1) < bookmark) {
    const next = await batches.next();
    if (next.done) throw new Error(`the subscription ended before ${bookmark}`);
    taken.push(next.value);
  }
  return taken;
}
