// A real OpenTelemetry Collector for tests: OTLP, Fluentd's forward protocol and statsd in, JSON lines in a file out.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardChild } from '../../agent/watchdog.ts';
import { findCollector } from './collector-install.ts';
import { freePorts } from './free-port.ts';
import { waitFor } from './wait-for.ts';

/** What the collector wrote, as far as tests read it (OTLP's JSON). */
interface Line {
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[] }[];
  readonly resourceLogs?: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly Attributed[] }[] }[];
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans: readonly Attributed[] }[] }[];
}

/** One metric. */
interface Metric {
  readonly name: string;
  readonly sum?: {
    readonly dataPoints: readonly (Attributed & { readonly asInt?: string; readonly asDouble?: number })[];
  };
}

/** A point, log record or span. */
interface Attributed {
  readonly attributes?: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

/** Attributes by key, as text. */
function textsOf({ attributes = [] }: Attributed): Readonly<Record<string, string>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}

/** One collector; stopped, it writes all it was given, and started again it goes on. */
export class TestCollector {
  readonly otlpPort: number;
  readonly fluentPort: number;
  readonly statsdPort: number;
  readonly #path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'periplus-collector-'));
  #process: ChildProcess | undefined;
  #runs = 0;
  #output = '';

  private constructor(path: string, ports: readonly number[]) {
    this.#path = path;
    [this.otlpPort = 0, this.fluentPort = 0, this.statsdPort = 0] = ports;
  }

  /** Starts one, or gives why none can be had. */
  static async start(): Promise<TestCollector | { readonly why: string }> {
    const found = await findCollector();
    if ('why' in found) return found;
    const collector = new TestCollector(found.path, await freePorts(3));
    await collector.restart();
    return collector;
  }

  /** Starts it with a new file; resolves when it takes what is sent. */
  async restart(): Promise<void> {
    await this.stop();
    const config = join(this.#folder, 'config.json');
    writeFileSync(config, JSON.stringify(this.#config(join(this.#folder, `${++this.#runs}.jsonl`))));
    const child = spawn(this.#path, ['--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    guardChild(child);
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
    const answers = async () =>
      await fetch(`http://127.0.0.1:${this.otlpPort}/v1/logs`, { method: 'POST' }).then(
        () => true,
        () => false,
      );
    await waitFor(answers, { limitMs: 60_000, what: () => `the collector to answer: ${this.#output}` });
  }

  /** Ends it as an administrator would; resolves when it has written everything and is gone. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Values of the points of sums with this name, with their attributes. */
  points(name: string): readonly { readonly value: number; readonly attributes: Readonly<Record<string, string>> }[] {
    return this.#lines()
      .flatMap(({ resourceMetrics = [] }) => resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics))
      .flatMap(({ metrics }) => metrics.filter((metric) => metric.name === name))
      .flatMap(({ sum }) => sum?.dataPoints ?? [])
      .map((point) => ({ value: Number(point.asInt ?? point.asDouble), attributes: textsOf(point) }));
  }

  /** Attributes of the log records; those that came by Fluentd's protocol have `fluent.tag`. */
  logs(): readonly Readonly<Record<string, string>>[] {
    return this.#lines()
      .flatMap(({ resourceLogs = [] }) => resourceLogs.flatMap(({ scopeLogs }) => scopeLogs))
      .flatMap(({ logRecords }) => logRecords.map(textsOf));
  }

  /** Attributes of the spans. */
  spans(): readonly Readonly<Record<string, string>>[] {
    return this.#lines()
      .flatMap(({ resourceSpans = [] }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans))
      .flatMap(({ spans }) => spans.map(textsOf));
  }

  #lines(): readonly Line[] {
    const files = readdirSync(this.#folder).filter((name) => name.endsWith('.jsonl'));
    // The last line may not be whole yet.
    const lines = files.flatMap((name) => readFileSync(join(this.#folder, name), 'utf8').split('\n').slice(0, -1));
    return lines.map((line) => JSON.parse(line) as Line);
  }

  #config(path: string) {
    const at = (port: number) => ({ endpoint: `127.0.0.1:${port}` });
    const to = (...receivers: readonly string[]) => ({ receivers, exporters: ['file'] });
    return {
      receivers: {
        otlp: { protocols: { http: at(this.otlpPort) } },
        fluent_forward: at(this.fluentPort),
        statsd: { ...at(this.statsdPort), aggregation_interval: '500ms' },
      },
      exporters: { file: { path, flush_interval: '100ms' } },
      service: {
        telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
        pipelines: { metrics: to('otlp', 'statsd'), logs: to('otlp', 'fluent_forward'), traces: to('otlp') },
      },
    };
  }
}
