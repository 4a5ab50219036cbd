// Whether a regular expression is RE2's (github.com/google/re2/wiki/Syntax), which Envoy uses; close, and never slower than linear.

/** What is wrong with `pattern` for RE2, or undefined when nothing was found. Bounds on program size are Envoy's to check. */
export function re2Fault(pattern: string): string | undefined {
  const scan: Scan = { pattern, at: 0, depth: 0, repeatable: false, inner: [1], last: 1 };
  while (scan.at < pattern.length) {
    const fault = scanOne(scan);
    if (fault !== undefined) return `${fault} (character ${scan.at + 1})`;
  }
  return scan.depth > 0 ? 'a parenthesis is not closed' : undefined;
}

interface Scan {
  readonly pattern: string;
  at: number;
  depth: number;
  /** Whether what was just read can be repeated. */
  repeatable: boolean;
  /** For each open group, and all around: the largest product of nested counts in it so far. */
  readonly inner: number[];
  /** That of what was just read. */
  last: number;
}

/** RE2's bound on nested counts: `((a{10}){10}){11}` has 1,100. Envoy would refuse the whole configuration that has it. */
const maxNestedCount = 1000;

function scanOne(scan: Scan): string | undefined {
  const character = scan.pattern[scan.at];
  switch (character) {
    case '\\':
      return scanEscape(scan);
    case '[':
      return scanClass(scan);
    case '(':
      return scanGroup(scan);
    case ')':
      if (scan.depth === 0) return 'a parenthesis is closed that was not opened';
      scan.depth--;
      return closeGroup(scan);
    case '*':
    case '+':
    case '?':
      return scanRepeat(scan, 1);
    case '{': {
      const counted = /^\{(\d+)(?:,(\d*))?\}/.exec(scan.pattern.slice(scan.at, scan.at + 16));
      if (counted === null) return advance(scan, 1, true);
      const [whole, from = '', to] = counted;
      if (Number(from) > 1000 || Number(to ?? 0) > 1000) return 'a count is above 1000';
      if (to !== undefined && to !== '' && Number(to) < Number(from)) return 'a count ends before it starts';
      const nested = scan.last * Math.max(1, Number(to === undefined || to === '' ? from : to));
      if (nested > maxNestedCount) return `nested counts multiply to more than ${maxNestedCount}`;
      return scanRepeat(scan, whole.length, nested);
    }
    case '|':
    case '^':
    case '$':
      return advance(scan, 1, character !== '|');
    default:
      return advance(scan, 1, true);
  }
}

function advance(scan: Scan, characters: number, repeatable: boolean): undefined {
  scan.at += characters;
  scan.repeatable = repeatable;
  scan.last = 1;
  return undefined;
}

/** A group counts as much as the most that is in it. */
function closeGroup(scan: Scan): undefined {
  const nested = scan.inner.pop() ?? 1;
  advance(scan, 1, true);
  remember(scan, nested);
}

function remember(scan: Scan, nested: number): void {
  scan.last = nested;
  const top = scan.inner.length - 1;
  scan.inner[top] = Math.max(scan.inner[top] ?? 1, nested);
}

function scanRepeat(scan: Scan, length: number, nested = scan.last): string | undefined {
  if (!scan.repeatable) return 'there is nothing to repeat';
  const lazy = scan.pattern[scan.at + length] === '?' ? 1 : 0;
  advance(scan, length + lazy, false);
  remember(scan, nested);
  return undefined;
}

function scanEscape(scan: Scan): string | undefined {
  const rest = scan.pattern.slice(scan.at + 1);
  const next = rest[0];
  if (next === undefined) return 'a backslash stands at the end';
  if (next === 'Q') {
    const end = rest.indexOf('\\E');
    return advance(scan, end < 0 ? rest.length + 1 : end + 3, true);
  }
  const form =
    /^(?:[pP](?:[A-Z]|\{\^?\w+\})|x(?:[0-9A-Fa-f]{2}|\{[0-9A-Fa-f]{1,6}\})|[0-7]{3}|0|[dDsSwWbBAzCafnrtv])/.exec(rest);
  if (form !== null) return advance(scan, 1 + form[0].length, true);
  if (/[0-9]/.test(next)) return `RE2 has no back-references such as \\${next}`;
  if (/[A-Za-z]/.test(next)) return `RE2 has no escape \\${next}`;
  return advance(scan, 2, true);
}

function scanGroup(scan: Scan): string | undefined {
  const rest = scan.pattern.slice(scan.at);
  const look = /^\(\?(?:<?[=!]|>)/.exec(rest);
  if (look !== null) return `RE2 has no look-around or atomic groups such as ${look[0]}`;
  const flags = /^\(\?([imsU]*(?:-[imsU]+)?)(:|\))/.exec(rest);
  if (flags?.[2] === ')') return advance(scan, flags[0].length, false);
  const opening = flags?.[0] ?? /^\(\?P?<[A-Za-z_]\w*>/.exec(rest)?.[0] ?? (rest.startsWith('(?') ? undefined : '(');
  if (opening === undefined) return `unknown group ${rest.slice(0, 4)}`;
  scan.depth++;
  scan.inner.push(1);
  return advance(scan, opening.length, false);
}

function scanClass(scan: Scan): string | undefined {
  const { pattern } = scan;
  let at = scan.at + 1;
  if (pattern[at] === '^') at++;
  let first = true;
  let low: string | undefined;
  while (at < pattern.length && (first || pattern[at] !== ']')) {
    first = false;
    const posix = /^\[:\^?[a-z]+:\]/.exec(pattern.slice(at, at + 12))?.[0];
    const item = posix ?? (pattern[at] === '\\' ? pattern.slice(at, at + 2) : (pattern[at] ?? ''));
    if (item === '\\') return 'a backslash stands at the end';
    at += item.length;
    if (low !== undefined && item.length === 1 && low > item) return `the range ${low}-${item} is upside down`;
    const opensRange = item.length === 1 && pattern[at] === '-' && pattern[at + 1] !== ']';
    low = opensRange && low === undefined ? item : undefined;
    if (low !== undefined) at++;
  }
  if (at >= pattern.length) return 'a bracket is not closed';
  return advance(scan, at + 1 - scan.at, true);
}
