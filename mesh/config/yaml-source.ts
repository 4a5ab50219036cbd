// Reads YAML (and JSON, which is YAML) into plain values that know the line and column of every field; bounded against hostile input.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type YAMLError,
} from 'yaml';
import { messageOf } from '../../lib/mesh-error.ts';
import { formatPath, type Path, type Position, type Problem, type Source } from './problem.ts';

/** Bounds. */
export interface YamlLimits {
  /** Larger texts are refused before they are parsed; 20 MiB is far above any real configuration and parses in seconds. */
  readonly maxBytes: number;
  /** Values after aliases are expanded, in one document: "billion laughs" stops here. */
  readonly maxNodes: number;
  /** Levels of nesting. Istio's deepest field is at about 15; EnvoyFilter patches may add as many again. */
  readonly maxDepth: number;
}

/** See YamlLimits. */
export const defaultYamlLimits: YamlLimits = { maxBytes: 20 * 1024 * 1024, maxNodes: 2_000_000, maxDepth: 100 };

/** One YAML document with something in it. */
export interface YamlDocument {
  readonly value: unknown;
  /** It has problems (such as a field given twice); `value` serves to find more of them. */
  readonly faulty: boolean;
  readonly source: Source;
}

/** All documents of a text; one that can't be read is left out, as is an empty one. Never throws. */
export function readYaml(
  text: string,
  options: { readonly file?: string; readonly limits?: Partial<YamlLimits> },
): { readonly documents: readonly YamlDocument[]; readonly problems: readonly Problem[] } {
  const limits = { ...defaultYamlLimits, ...options.limits };
  const lineCounter = new LineCounter();
  const problems: Problem[] = [];
  const file = options.file === undefined ? {} : { file: options.file };
  const fail = (message: string, position: Position | undefined, path: Path = []) => {
    problems.push({ severity: 'error', ...file, ...position, path: formatPath(path), message });
  };

  const refusal = refuse(text, limits);
  if (refusal !== undefined) {
    fail(refusal.message, refusal.position);
    return { documents: [], problems };
  }
  let parsed: ReturnType<typeof parseAllDocuments>;
  try {
    parsed = parseAllDocuments(text, { lineCounter, uniqueKeys: false, prettyErrors: false, logLevel: 'silent' });
  } catch (error) {
    // The parser recurses: nesting of tens of thousands of levels overflows its stack.
    fail(error instanceof RangeError ? 'is nested too deeply' : `is not YAML: ${messageOf(error)}`, {
      line: 1,
      column: 1,
    });
    return { documents: [], problems };
  }
  const documents: YamlDocument[] = [];
  for (const document of parsed) {
    const faults: readonly YAMLError[] = [...document.errors, ...document.warnings];
    // What follows a syntax error is mostly its echo.
    for (const fault of faults.slice(0, 3)) fail(syntaxMessage(fault), positionAt(lineCounter, fault.pos[0]));
    if (faults.length > 0 || document.contents === null) continue;
    const before = problems.length;
    const reader = createReader({ lineCounter, limits, fail });
    const value = reader.read(document.contents as Node);
    if (value === undefined || value === null) continue;
    documents.push({
      value,
      faulty: problems.length > before,
      source: { ...file, locate: (path, key) => reader.locate(document.contents as Node, path, key) },
    });
  }
  return { documents, problems };
}

// A parser that ran out of stack says so in its own words.
function syntaxMessage(fault: YAMLError): string {
  const overflow = /call stack|stack overflow/i.test(fault.message);
  return overflow ? 'is nested too deeply' : `YAML syntax: ${fault.message}`;
}

function refuse(text: string, limits: YamlLimits): { message: string; position: Position } | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.maxBytes) {
    const mib = (value: number) => `${(value / 1024 / 1024).toFixed(1)} MiB`;
    return {
      message: `is ${mib(bytes)}, above the limit of ${mib(limits.maxBytes)}; split it into several files`,
      position: { line: 1, column: 1 },
    };
  }
  const control = /[^\P{Cc}\t\n\r\u0085]|\uFFFD/u.exec(text);
  if (control === null) return undefined;
  const before = text.slice(0, control.index).split('\n');
  const code = (control[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return {
    message: `is not text: it holds the character U+${code}, which no YAML or JSON file may hold unescaped`,
    position: { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 },
  };
}

function positionAt(lineCounter: LineCounter, offset: number): Position {
  const { line, col } = lineCounter.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** A field's name; numbers and true or false stand for their text, as in JSON made from YAML. */
function nameOf(key: unknown): string | undefined {
  const value: unknown = isScalar(key) ? key.value : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

interface Reader {
  read(root: Node): unknown;
  locate(root: Node, path: Path, key?: boolean): Position | undefined;
}

/** Converts one document. Aliases share their anchor's value; `size` counts them as if they were copied. */
function createReader(options: {
  readonly lineCounter: LineCounter;
  readonly limits: YamlLimits;
  readonly fail: (message: string, position: Position | undefined, path: Path) => void;
}): Reader {
  const { lineCounter, limits } = options;
  const anchors = new Map<string, { readonly node: Node; readonly value: unknown; readonly size: number }>();
  const targets = new Map<Node, Node>();
  let size = 0;
  let failed = false;

  const place = (node: Node | null | undefined) => (node?.range ? positionAt(lineCounter, node.range[0]) : undefined);
  const fail = (message: string, node: Node | null | undefined, path: Path): undefined => {
    failed = true;
    options.fail(message, place(node), path);
    return undefined;
  };

  const convert = (node: Node | null, path: Path): unknown => {
    if (node === null) return null;
    if (path.length > limits.maxDepth)
      return fail(`is nested more than ${limits.maxDepth} levels deep`, node, path.slice(0, 5));
    if (isAlias(node)) return convertAlias(node, path);
    const sizeBefore = size++;
    if (size > limits.maxNodes)
      return failed ? undefined : fail(`has more than ${limits.maxNodes} values`, node, path.slice(0, 5));
    const value = isMap(node)
      ? convertMap(node.items as Pair<Node, Node | null>[], path)
      : isSeq(node)
        ? (node.items as Node[]).map((item, index) => convert(item, [...path, index]))
        : convertScalar(node, path);
    if ('anchor' in node && typeof node.anchor === 'string')
      anchors.set(node.anchor, { node, value, size: size - sizeBefore });
    return value;
  };

  const convertAlias = (node: Node & { readonly source: string }, path: Path): unknown => {
    const anchor = anchors.get(node.source);
    if (anchor === undefined) return fail(`the alias *${node.source} refers to nothing before it`, node, path);
    targets.set(node, anchor.node);
    size += anchor.size;
    if (size > limits.maxNodes && !failed)
      fail(`its aliases expand to more than ${limits.maxNodes} values`, node, path);
    return anchor.value;
  };

  const convertScalar = (node: Node, path: Path): unknown => {
    const value = isScalar(node) ? node.value : undefined;
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value;
    return fail('expected text, a number, true or false', node, path);
  };

  const convertMap = (pairs: readonly Pair<Node, Node | null>[], path: Path): Record<string, unknown> => {
    const result: Record<string, unknown> = {};
    const merged: unknown[] = [];
    for (const { key, value } of pairs) {
      const name = nameOf(key);
      if (name === undefined || name === '__proto__') fail('expected a field name', key, path);
      else if (name === '<<' && isScalar(key) && key.type === 'PLAIN') merged.push(convert(value, path));
      else if (Object.hasOwn(result, name)) options.fail('is given twice', place(key), [...path, name]);
      else result[name] = convert(value, [...path, name]);
    }
    for (const other of merged.flat()) if (typeof other === 'object') Object.assign(result, { ...other, ...result });
    return result;
  };

  const locate = (root: Node, path: Path, key = false): Position | undefined => {
    let node: Node | null = root;
    let position = place(root);
    for (const [depth, step] of path.entries()) {
      if (node !== null && isAlias(node)) node = targets.get(node) ?? null;
      if (isSeq(node) && typeof step === 'number') node = (node.items[step] as Node | undefined) ?? null;
      else if (isMap(node)) {
        const pair: Pair<Node, Node | null> | undefined = (node.items as Pair<Node, Node | null>[]).find(
          (item) => nameOf(item.key) === String(step),
        );
        if (pair === undefined) return position;
        const last = depth === path.length - 1;
        position = (key && last ? undefined : place(pair.value)) ?? place(pair.key) ?? position;
        node = pair.value;
        continue;
      } else return position;
      position = place(node) ?? position;
    }
    return position;
  };

  return {
    read: (root) => {
      const value = convert(root, []);
      return failed ? undefined : value;
    },
    locate,
  };
}
