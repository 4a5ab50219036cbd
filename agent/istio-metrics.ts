// Istio's standard metrics out of what Envoy's stats logger counted: full names and labels, equal series added up. Pure.
import { combinedTags } from '../mesh/telemetry/metric-tags.ts';
import { standardLabels } from '../mesh/telemetry/standard-labels.ts';
import type { WorkloadFacts } from '../mesh/telemetry/workload-facts.ts';

const prefix = 'envoy_istio_';

/**
 * Rewrites the lines `envoy_istio_…` of Envoy's Prometheus page as Istio's metrics with all their labels, and keeps all others.
 * Two of Envoy's series may become one of Istio's; their values add up (counters and cumulative buckets alike).
 */
export function istioMetrics(text: string, own: WorkloadFacts): string {
  const other: string[] = [];
  const families = new Map<string, { readonly type: string; readonly samples: Map<string, number> }>();
  const known = new Map<string, Labels>();
  for (const line of text.split('\n')) {
    const type = /^# TYPE envoy_(istio_\S+) (\S+)/.exec(line);
    if (type) families.set(type[1] ?? '', { type: type[2] ?? 'untyped', samples: new Map() });
    else if (line.startsWith(prefix)) addSample(families, known, line, own);
    else other.push(line);
  }
  const lines = [...families].flatMap(([name, { type, samples }]) =>
    samples.size === 0
      ? []
      : [`# TYPE ${name} ${type}`, ...[...samples].map(([series, value]) => `${series} ${value}`)],
  );
  return lines.length === 0 ? other.join('\n') : `${other.join('\n').trimEnd()}\n${lines.join('\n')}\n`;
}

/** What was made of a text of tags. */
interface Labels {
  readonly text: string;
  readonly tags: ReadonlyMap<string, string>;
}

type Families = Map<string, { readonly type: string; readonly samples: Map<string, number> }>;

function addSample(families: Families, known: Map<string, Labels>, line: string, own: WorkloadFacts): void {
  const open = line.indexOf('{');
  const close = line.lastIndexOf('}');
  const value = Number(
    line
      .slice(close + 1)
      .trim()
      .split(' ')[0],
  );
  if (open < 0 || close < open || !Number.isFinite(value)) return;
  const name = line.slice('envoy_'.length, open);
  const text = line.slice(open + 1, close);
  // A histogram's buckets differ in `le` alone: their labels are made once.
  const le = /(?:^|,)le="([^"]*)"$/.exec(text);
  const tagText = le ? text.slice(0, text.length - le[0].length) : text;
  let labels = known.get(tagText);
  if (labels === undefined) known.set(tagText, (labels = labelsOf(tagText, own)));
  const family = families.get(name.replace(/_(?:bucket|sum|count)$/, '')) ?? families.get(name);
  const series = `${name}{${labels.text}${le ? `,le="${le[1]}"` : ''}}`;
  family?.samples.set(series, (family.samples.get(series) ?? 0) + value * factorOf(name, labels.tags));
}

function labelsOf(tagText: string, own: WorkloadFacts): Labels {
  const tags = parseLabels(tagText);
  return { tags, text: labelText(standardLabels(tags, own)) };
}

/** How many messages of the kind that `name` counts each counted stream had; 1 for statistics that count otherwise. */
function factorOf(name: string, tags: ReadonlyMap<string, string>): number {
  const messages = tags.get(combinedTags.messages);
  if (messages === undefined) return 1;
  return Number(messages.split(',')[name === 'istio_request_messages_total' ? 0 : 1]) || 0;
}

/** Reads `a="1",b="2"` of the exposition format; escapes are kept as they are, to be written again. */
function parseLabels(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)].map((m) => [m[1] ?? '', m[2] ?? '']),
  );
}

function labelText(labels: ReadonlyMap<string, string>): string {
  return [...labels].map(([name, value]) => `${name}="${value}"`).join();
}
