import { describe, expect, it } from 'vitest';
import { formatServerSentEvent, readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

async function readAll(chunks: readonly string[], maxEventBytes?: number): Promise<ServerSentEvent[]> {
  const found: ServerSentEvent[] = [];
  async function* source() {
    yield* chunks;
  }
  for await (const event of readServerSentEvents(source(), maxEventBytes === undefined ? {} : { maxEventBytes }))
    found.push(event);
  return found;
}

describe('server-sent events', () => {
  const events: readonly ServerSentEvent[] = [{ id: '7', event: 'event', data: '{"a":1}' }, { data: 'two\nlines' }];

  it('reads what it writes, however the stream is cut', async () => {
    const wire = events.map(formatServerSentEvent).join(': keep-alive\n\n');
    expect(await readAll(wire.split(''))).toEqual(events);
    expect(await readAll([wire])).toEqual(events);
  });

  it('drops an event that the stream did not finish', async () => {
    expect(await readAll(['data: whole\n\ndata: half\n'])).toEqual([{ data: 'whole' }]);
  });

  it('bounds what it holds', async () => {
    await expect(readAll([`data: ${'x'.repeat(100)}`], 50)).rejects.toThrow('too large');
  });
});
