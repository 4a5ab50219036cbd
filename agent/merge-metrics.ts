// Joins Prometheus texts of several sources into one that keeps each metric family in one piece. Pure.

interface Family {
  readonly comments: string[];
  readonly samples: string[];
}

const suffixes = /_(?:bucket|sum|count|total|created)$/;

/**
 * One valid exposition of all `texts` (prometheus.io/docs/instrumenting/exposition_formats): a family that occurs in several
 * keeps the first one's HELP and TYPE. OpenMetrics' end marks are dropped.
 */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, Family>();
  for (const text of texts) addText(families, text);
  let out = '';
  for (const { comments, samples } of families.values())
    out += [...comments, ...samples].map((line) => `${line}\n`).join('');
  return out;
}

function addText(families: Map<string, Family>, text: string): void {
  const seenHere = new Set<string>();
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line === '# EOF') continue;
    const comment = /^# (?:HELP|TYPE|UNIT) (\S+)/.exec(line);
    if (line.startsWith('#') && !comment) continue;
    const name = comment?.[1] ?? familyOf(line, families);
    const known = families.get(name);
    const family = known ?? { comments: [], samples: [] };
    if (!known) families.set(name, family);
    if (!known) seenHere.add(name);
    if (!comment) family.samples.push(line);
    else if (seenHere.has(name)) family.comments.push(line);
  }
}

/** The family a sample belongs to: its name, or its name without a histogram's or counter's suffix where that is declared. */
function familyOf(sample: string, families: ReadonlyMap<string, Family>): string {
  const name = /^[^\s{]+/.exec(sample)?.[0] ?? sample;
  const base = name.replace(suffixes, '');
  return !families.has(name) && families.has(base) ? base : name;
}
