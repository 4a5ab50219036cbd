// Text or JSON into configuration resources and Kubernetes objects: everything wrong is reported with its place, nothing is guessed.
import { isRecord } from './check-schema.ts';
import { type ForeignKinds, type ParsedObject, parseOne } from './parse-object.ts';
import { byPosition, noSource, type Path, type Problem, reportTo, type Source } from './problem.ts';
import type { Kind } from './schemas/kinds.ts';
import { readYaml, type YamlLimits } from './yaml-source.ts';

/** What a text holds. */
export type { ParsedConfig, ParsedKubernetes, ParsedObject } from './parse-object.ts';

/** Objects are those without errors; a caller that applies all or nothing must look at `problems` first. */
export interface ParseResult {
  readonly objects: readonly ParsedObject[];
  readonly problems: readonly Problem[];
}

/** How to parse. */
export interface ParseOptions {
  /** Shown in problems. */
  readonly file?: string;
  /** Larger texts are refused; 20 MiB by default. */
  readonly maxBytes?: number;
  /** For objects that name none; `default` by default. */
  readonly namespace?: string;
  readonly limits?: Partial<YamlLimits>;
  /** What becomes of kinds of API groups that are not read (a Deployment): `refuse` by default. */
  readonly foreignKinds?: ForeignKinds;
  /** Kinds that are read beside those of all texts. */
  readonly alsoRead?: ReadonlyMap<string, Kind>;
}

/** Parses the YAML or JSON documents of one text. */
export function parseDocuments(text: string, options: ParseOptions = {}): ParseResult {
  return parseFiles([{ text, ...(options.file === undefined ? {} : { file: options.file }) }], options);
}

/** Parses several files as one input: an object may be given only once in all of them. */
export function parseFiles(
  files: readonly { readonly file?: string; readonly text: string }[],
  options: Omit<ParseOptions, 'file'> = {},
): ParseResult {
  const collector = createCollector(options.namespace ?? 'default', options);
  const limits = { ...options.limits, ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }) };
  for (const { file, text } of files) {
    const read = readYaml(text, { limits, ...(file === undefined ? {} : { file }) });
    const before = collector.problems.length;
    collector.problems.push(...read.problems);
    for (const { value, source, faulty } of read.documents) collector.add({ value, base: [], source, faulty });
    // Syntax and schema problems were found in two passes; people read a file from its top.
    collector.problems.push(...collector.problems.splice(before).sort(byPosition));
  }
  return { objects: collector.objects, problems: collector.problems };
}

/** Checks one object that arrived as JSON (admin API, Kubernetes API): problems have a field path, but no line. */
export function parseObject(
  json: unknown,
  options: { readonly namespace?: string } = {},
): { readonly object: ParsedObject | undefined; readonly problems: readonly Problem[] } {
  const collector = createCollector(options.namespace ?? 'default');
  collector.add({ value: json, base: [], source: noSource, faulty: false });
  return { object: collector.objects[0], problems: collector.problems };
}

interface Item {
  readonly value: unknown;
  readonly base: Path;
  readonly source: Source;
  /** Its document has problems already. */
  readonly faulty: boolean;
}

interface Collector {
  readonly objects: ParsedObject[];
  readonly problems: Problem[];
  add(item: Item): void;
}

function createCollector(
  namespace: string,
  { foreignKinds = 'refuse', alsoRead = new Map() }: Pick<ParseOptions, 'foreignKinds' | 'alsoRead'> = {},
): Collector {
  const objects: ParsedObject[] = [];
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
  const add = ({ value, base, source, faulty }: Item): void => {
    if (isRecord(value) && isList(value)) {
      if (!Array.isArray(value.items)) reportTo(problems, source, { base })(['items'], 'expected a list of objects');
      else
        for (const [index, item] of value.items.entries())
          add({ value: item, base: [...base, 'items', index], source, faulty });
      return;
    }
    const before = problems.length;
    const parsed = parseOne(value, { base, source, namespace, problems, foreignKinds, alsoRead });
    if (parsed === undefined) return;
    const key = `${parsed.kind}/${parsed.namespace}/${parsed.name}`;
    const first = seen.get(key);
    const report = reportTo(problems, source, { base, resource: key });
    if (first !== undefined) report(['metadata', 'name'], `${key} is given twice; the first is ${first}`);
    else seen.set(key, placeOf(source, base));
    if (!faulty && !problems.slice(before).some((problem) => problem.severity === 'error')) objects.push(parsed);
  };
  return { objects, problems, add };
}

function isList(value: Readonly<Record<string, unknown>>): boolean {
  const { kind } = value;
  return typeof kind === 'string' && kind.endsWith('List') && value.spec === undefined && value.items !== undefined;
}

function placeOf(source: Source, base: Path): string {
  const position = source.locate([...base, 'metadata', 'name']);
  if (position === undefined) return 'earlier in the input';
  return source.file === undefined
    ? `at line ${position.line}`
    : `at ${source.file}:${position.line}:${position.column}`;
}
