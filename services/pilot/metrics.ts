// What Pilot counts of itself, and its Prometheus text form (prometheus.io/docs/instrumenting/exposition_formats).
import { typeUrls } from './translate/translation.ts';
import type { AnswerRecord, PushRecord, StreamIdentity, StreamObserver } from './xds/stream-observer.ts';

/** Short names of types, as Istio's metrics have them (istio.io/latest/docs/reference/commands/pilot-discovery, "Exported metrics"). */
const shortNames: Readonly<Record<string, string>> = {
  [typeUrls.cluster]: 'cds',
  [typeUrls.endpoints]: 'eds',
  [typeUrls.listener]: 'lds',
  [typeUrls.route]: 'rds',
  [typeUrls.secret]: 'sds',
  [typeUrls.extension]: 'ecds',
};

/** Upper bounds in seconds: ours are the milliseconds we aim at, then Istio's for comparison. */
const convergenceBounds = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10, 20, 30] as const;

/** Positions whose time is remembered: an ACK later than this many changes is not measured. */
const rememberedPositions = 4096;

/** Everything Pilot counts; read it at any time. */
export class PilotMetrics implements StreamObserver {
  /** Responses by short type name. */
  readonly pushes = new Map<string, number>();
  readonly pushedBytes = new Map<string, number>();
  readonly acks = new Map<string, number>();
  readonly nacks = new Map<string, number>();
  /** Open streams by protocol. */
  readonly streams = new Map<string, number>();
  eventsFolded = 0;
  snapshotPosition = 0;
  services = 0;
  quarantined = 0;
  translationFailures = 0;
  logFailures = 0;
  /** Streams whose certificate was another's than their node said. */
  refusals = 0;
  /** Counts per bound of `convergenceBounds`, not cumulative; the last is for what lies beyond. */
  readonly #convergence = new Array<number>(convergenceBounds.length + 1).fill(0);
  #convergenceSum = 0;
  #convergenceCount = 0;
  readonly #times = new Map<number, number>();
  readonly #nowMs: () => number;

  constructor(options: { readonly nowMs: () => number }) {
    this.#nowMs = options.nowMs;
  }

  /** A snapshot is out; `timeMs`: when its last fact happened. */
  published(position: number, timeMs: number): void {
    this.snapshotPosition = position;
    this.#times.set(position, timeMs);
    if (this.#times.size <= rememberedPositions) return;
    for (const oldest of this.#times.keys()) {
      this.#times.delete(oldest);
      return;
    }
  }

  connected(stream: StreamIdentity): void {
    add(this.streams, stream.protocol, 1);
  }

  disconnected(stream: StreamIdentity): void {
    add(this.streams, stream.protocol, -1);
  }

  refused(): void {
    this.refusals++;
  }

  pushed(_: StreamIdentity, push: PushRecord): void {
    add(this.pushes, shortName(push.typeUrl), 1);
    add(this.pushedBytes, shortName(push.typeUrl), push.bytes);
  }

  acknowledged(_: StreamIdentity, answer: AnswerRecord): void {
    add(this.acks, shortName(answer.typeUrl), 1);
    const factMs = answer.first ? undefined : this.#times.get(answer.position);
    if (factMs !== undefined) this.#observe(Math.max(0, this.#nowMs() - factMs) / 1000);
  }

  rejected(_: StreamIdentity, answer: AnswerRecord): void {
    add(this.nacks, shortName(answer.typeUrl), 1);
  }

  healthReported(): void {}

  #observe(seconds: number): void {
    const at = convergenceBounds.findIndex((bound) => seconds <= bound);
    const bucket = at === -1 ? convergenceBounds.length : at;
    this.#convergence[bucket] = (this.#convergence[bucket] ?? 0) + 1;
    this.#convergenceSum += seconds;
    this.#convergenceCount++;
  }

  /** Prometheus text, metrics and labels in a fixed order. Names are Istio's where Istio has the metric. */
  text(): string {
    return [
      counter('pilot_xds_pushes', 'Responses sent, by type.', byType(this.pushes)),
      counter('pilot_xds_pushed_bytes_total', 'Bytes of responses sent, by type.', byType(this.pushedBytes)),
      counter('pilot_xds_acks_total', 'Responses that proxies took into use, by type.', byType(this.acks)),
      counter('pilot_total_xds_rejects', 'Responses that proxies refused, by type.', byType(this.nacks)),
      gauge('pilot_xds', 'Open ADS streams, by protocol.', labelled('protocol', this.streams)),
      gauge('pilot_services', 'Services in the newest snapshot.', [['', this.services]]),
      counter('pilot_xds_streams_refused_total', 'Streams whose certificate does not fit their node.', [
        ['', this.refusals],
      ]),
      counter('pilot_events_folded_total', 'Facts folded since the start.', [['', this.eventsFolded]]),
      gauge('pilot_snapshot_position', 'Facts position of the newest snapshot.', [['', this.snapshotPosition]]),
      counter('pilot_events_quarantined_total', 'Events found to make translation fail.', [['', this.quarantined]]),
      counter('pilot_translation_failures_total', 'Translations that failed.', [['', this.translationFailures]]),
      counter('pilot_log_failures_total', 'Times that reading the facts log failed.', [['', this.logFailures]]),
      this.#convergenceText(),
    ].join('');
  }

  #convergenceText(): string {
    const name = 'pilot_proxy_convergence_time';
    let total = 0;
    const buckets = this.#convergence.map((count, i) => {
      total += count;
      return `${name}_bucket{le="${convergenceBounds[i] ?? '+Inf'}"} ${total}\n`;
    });
    const head = `# HELP ${name} Seconds from a fact to each proxy's acknowledgement of what follows from it.\n# TYPE ${name} histogram\n`;
    return `${head}${buckets.join('')}${name}_sum ${this.#convergenceSum}\n${name}_count ${this.#convergenceCount}\n`;
  }
}

type Samples = readonly (readonly [labels: string, value: number])[];

function counter(name: string, help: string, samples: Samples): string {
  return metric(name, help, { type: 'counter', samples });
}

function gauge(name: string, help: string, samples: Samples): string {
  return metric(name, help, { type: 'gauge', samples });
}

function metric(
  name: string,
  help: string,
  { type, samples }: { readonly type: string; readonly samples: Samples },
): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

const byType = (counts: ReadonlyMap<string, number>): Samples => labelled('type', counts);

/** Label values here are short names of ours: nothing to escape. */
function labelled(label: string, counts: ReadonlyMap<string, number>): Samples {
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([value, count]) => [`{${label}="${value}"}`, count]);
}

function shortName(typeUrl: string): string {
  return shortNames[typeUrl] ?? 'other';
}

function add(counts: Map<string, number>, key: string, change: number): void {
  counts.set(key, (counts.get(key) ?? 0) + change);
}
