// The event log handler: sums metric instances up and writes the sums as one event an interval; no request ever enters the log by itself.
import { eventId } from '../../../events/event-id.ts';
import type { EventLog } from '../../../events/event-log.ts';
import { aggregateSubject, type RequestsAggregated } from '../../../events/policy-facts.ts';
import { messageOf } from '../../../lib/mesh-error.ts';
import { durationMs } from '../../../mesh/config/quantities.ts';
import type { EventlogParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { mapOf, numberOf, textOf } from './field-values.ts';
import type { Handler, HandlerKind, HandlerMeans, Instance } from './handler.ts';

/** Where the events go, and under whose name. */
export interface EventWriter {
  readonly facts: EventLog;
  /** Of this Mixer. */
  readonly name: string;
}

/** 1,440 events a day of at most some KB: a log keeps them for a week without noticing. */
const defaultIntervalMs = 60_000;
/** An event is read by people; what clients choose as a dimension must not fill it. */
const maxSeries = 100;
/** Longest value of a dimension, in characters. */
const maxValue = 200;

/** The kind, whose handlers write to `events`. */
export function eventlogKind(events: EventWriter): HandlerKind<EventlogParams> {
  return {
    name: 'eventlog',
    templates: ['metric'],
    create: (params, means) => new EventLogHandler(params, means, events),
  };
}

type Data = RequestsAggregated['data'];
type Series = { -readonly [Key in keyof Data['series'][number]]: Data['series'][number][Key] };

class EventLogHandler implements Handler {
  readonly #means: HandlerMeans;
  readonly #events: EventWriter;
  readonly #intervalMs: number;
  #fromMs: number;
  #series = new Map<string, Series>();
  #others = 0;

  constructor({ interval }: EventlogParams, means: HandlerMeans, events: EventWriter) {
    this.#means = means;
    this.#events = events;
    this.#intervalMs = durationMs(interval ?? '') ?? defaultIntervalMs;
    this.#fromMs = means.clock.nowMs();
  }

  async report(batch: readonly Instance[]): Promise<void> {
    for (const instance of batch) this.#add(instance);
  }

  /** Writes an event an interval; what the log does not take stays in the next one's sums. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, name } = this.#means;
    while (!signal.aborted) {
      await clock.sleep(this.#intervalMs, signal).catch(() => {});
      await this.#write().catch((error) =>
        logger.warn({ handler: name, error: messageOf(error) }, 'the log does not take the sums; they are kept'),
      );
    }
  }

  #add({ name, fields }: Instance): void {
    const dimensions = Object.fromEntries(
      Object.entries(mapOf(fields.dimensions))
        .map(([key, value]) => [key, textOf(value).slice(0, maxValue)] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    const key = JSON.stringify([name, dimensions]);
    let one = this.#series.get(key);
    if (one === undefined) {
      if (this.#series.size >= maxSeries) {
        this.#others++;
        return;
      }
      this.#series.set(key, (one = { instance: name, dimensions, count: 0, sum: 0 }));
    }
    one.count++;
    one.sum += numberOf(fields.value) ?? 0;
  }

  async #write(): Promise<void> {
    if (this.#series.size === 0) {
      this.#fromMs = this.#means.clock.nowMs();
      return;
    }
    const { facts, name: mixer } = this.#events;
    const { name: handler, clock } = this.#means;
    const toMs = clock.nowMs();
    const [series, others] = [this.#series, this.#others];
    const rfc3339 = (ms: number) => new Date(ms).toISOString();
    const data: Data = {
      ...{ handler, mixer, from: rfc3339(this.#fromMs), to: rfc3339(toMs) },
      ...{ series: [...series.values()].map((one) => ({ ...one })), others },
    };
    const [source, subject] = [`/mixer/${mixer}`, aggregateSubject(handler, mixer)];
    const type = 'io.periplus.policy.requests-aggregated' as const;
    // What is reported while the log writes belongs to the next event.
    [this.#series, this.#others] = [new Map(), 0];
    try {
      const version = await facts.subjectVersion(subject);
      const id = eventId({ source, subject, revision: version, content: { type, data } });
      const time = data.to;
      const event = { id, source, subject, type, time, actor: 'system:mixer', causes: [], data };
      await facts.append([{ event }]);
      this.#fromMs = toMs;
    } catch (error) {
      this.#takeBack(series, others);
      throw error;
    }
  }

  #takeBack(series: ReadonlyMap<string, Series>, others: number): void {
    const later = this.#series;
    this.#series = new Map(series);
    this.#others += others;
    for (const [key, { count, sum, ...rest }] of later) {
      const one = this.#series.get(key) ?? { ...rest, count: 0, sum: 0 };
      this.#series.set(key, { ...one, count: one.count + count, sum: one.sum + sum });
    }
  }
}
