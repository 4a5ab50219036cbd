// Events as people read them: one line each.
import type { RecordedEvent } from '../events/envelope.ts';
import { plainStyle, type Style, table } from './output.ts';

/** Event type without the prefix that all of ours have. */
export function shortType(type: string): string {
  return type.startsWith('io.periplus.') ? type.slice('io.periplus.'.length) : type;
}

/** Table of events in the order given. */
export function eventsTable(events: readonly RecordedEvent[], style: Style = plainStyle): string {
  const rows = events.map((event) => [
    String(event.position),
    event.time,
    shortType(event.type),
    event.subject,
    event.actor,
  ]);
  return table(['POSITION', 'TIME', 'TYPE', 'SUBJECT', 'ACTOR'], rows, style);
}

/** One event of a stream, in columns wide enough for most: a stream can't be aligned after the fact. */
export function eventLine(event: RecordedEvent): string {
  const columns = [String(event.position).padStart(8), event.time, shortType(event.type).padEnd(32), event.subject];
  return `${columns.join('  ')}  ${event.actor}\n`;
}
