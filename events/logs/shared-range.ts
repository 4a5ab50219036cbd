// Events of a span of positions, read from the server and compared with what was there when this process saw them first.
import { MeshError } from '../../lib/mesh-error.ts';
import type { LogReplica } from './shared-replica.ts';
import type { EventText, SharedStream } from './shared-stream.ts';

/** Positions so close together are read as one span. */
const joinGap = 16;
/** Spans of a sparse read that are asked for at a time. */
const parallelSpans = 16;
/** Events in one step of a read backwards or of a sparse read. */
const stepEvents = 1000;

/** What a range reads from. */
export interface RangeSource {
  readonly stream: Pick<SharedStream, 'messages' | 'lastSequence'>;
  readonly replica: LogReplica;
}

/** First and last position, both included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The span's events in order, in chunks. Throws MeshError `corrupt` where one is missing or altered, after giving all before it. */
export async function* readSpan({ stream, replica }: RangeSource, span: Span): AsyncGenerator<readonly EventText[]> {
  if (span.to < span.from) return;
  const start = replica.messageOf(span.from);
  let position = start.first;
  for await (const { messages, missing } of stream.messages(start.sequence, replica.messageOf(span.to).sequence)) {
    const chunk: EventText[] = [];
    let problem: string | undefined;
    for (const { texts, endsBatch } of messages) {
      for (const [i, text] of texts.entries()) {
        problem ??= replica.difference(position, text);
        const wanted = problem === undefined && position >= span.from && position <= span.to;
        if (wanted) chunk.push({ position, text, endsBatch: endsBatch && i === texts.length - 1 });
        if (problem === undefined) position++;
      }
    }
    if (missing !== undefined) problem ??= `the stream has lost message ${missing}`;
    if (chunk.length > 0) yield chunk;
    if (problem !== undefined) throw new MeshError('corrupt', `position ${position}: ${problem}`);
  }
}

/** The span's events, newest first. */
export async function* readSpanReverse(source: RangeSource, { from, to }: Span): AsyncGenerator<readonly EventText[]> {
  for (let end = to; end >= from; end -= stepEvents) {
    const span = { from: Math.max(from, end - stepEvents + 1), to: end };
    yield (await collect(readSpan(source, span))).reverse();
  }
}

/** The events at the positions, which are in the order wanted. */
export async function* readPositions(
  source: RangeSource,
  positions: readonly number[],
): AsyncGenerator<readonly EventText[]> {
  for (let at = 0; at < positions.length; at += stepEvents) {
    const wanted = positions.slice(at, at + stepEvents);
    const found = new Map<number, EventText>();
    const spans = spansOf(wanted);
    for (let i = 0; i < spans.length; i += parallelSpans) {
      const some = spans.slice(i, i + parallelSpans).map((span) => collect(readSpan(source, span)));
      for (const event of (await Promise.all(some)).flat()) found.set(event.position, event);
    }
    yield wanted.flatMap((position) => found.get(position) ?? []);
  }
}

/** Spans that hold all the positions and little else. */
function spansOf(positions: readonly number[]): Span[] {
  const spans: Span[] = [];
  for (const position of [...positions].sort((a, b) => a - b)) {
    const last = spans.at(-1);
    if (last !== undefined && position - last.to <= joinGap)
      spans[spans.length - 1] = { from: last.from, to: position };
    else spans.push({ from: position, to: position });
  }
  return spans;
}

/** All events of a read. */
export async function collect(chunks: AsyncIterable<readonly EventText[]>): Promise<EventText[]> {
  const all: EventText[] = [];
  for await (const chunk of chunks) for (const event of chunk) all.push(event);
  return all;
}
