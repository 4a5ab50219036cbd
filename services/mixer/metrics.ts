// What Mixer counts of itself, in Prometheus's text form.
import { formatMetrics, type Metric } from '../../lib/prometheus-text.ts';

/** Label values by name; few and from configuration, never from requests. */
export type Labels = Readonly<Record<string, string>>;

/** A family of samples, one a set of label values. */
export interface MetricFamily {
  /** Adds to a counter or gauge. */
  add(labels: Labels, change: number): void;
  /** Sets a gauge. */
  set(labels: Labels, value: number): void;
  /** Adds to these labels without searching for them each time: for what happens with each request. */
  adder(labels: Labels): (change: number) => void;
  /** The value; 0 before the first. */
  value(labels: Labels): number;
}

/** Everything Mixer counts. Parts register families of their own with `counter` and `gauge`. */
export class MixerMetrics {
  readonly #families: (() => Metric)[] = [];
  readonly eventsFolded = this.counter('mixer_events_folded_total', 'Facts folded since the start');
  readonly logFailures = this.counter('mixer_log_failures_total', 'Times that reading the facts log failed');
  readonly snapshotPosition = this.gauge('mixer_snapshot_position', 'Facts position of the newest snapshot');

  /** Registers a counter; its name ends in `_total`. */
  counter(name: string, help: string): MetricFamily {
    return this.#family(name, help, 'counter');
  }

  /** Registers a gauge. */
  gauge(name: string, help: string): MetricFamily {
    return this.#family(name, help, 'gauge');
  }

  /** All families in the order of their registration. */
  text(): string {
    return formatMetrics(this.#families.map((family) => family()));
  }

  #family(name: string, help: string, type: Metric['type']): MetricFamily {
    const samples = new Map<string, { readonly labels: Labels; value: number }>();
    const sampleOf = (labels: Labels) => {
      const key = JSON.stringify(labels);
      let sample = samples.get(key);
      if (sample === undefined) samples.set(key, (sample = { labels, value: 0 }));
      return sample;
    };
    this.#families.push(() => ({ name, help, type, samples: [...samples.values()] }));
    return {
      add: (labels, change) => {
        sampleOf(labels).value += change;
      },
      adder: (labels) => {
        let sample: ReturnType<typeof sampleOf> | undefined;
        return (change) => {
          // Not before: a sample that nothing was added to is not shown.
          sample ??= sampleOf(labels);
          sample.value += change;
        };
      },
      set: (labels, value) => {
        sampleOf(labels).value = value;
      },
      value: (labels) => samples.get(JSON.stringify(labels))?.value ?? 0,
    };
  }
}
