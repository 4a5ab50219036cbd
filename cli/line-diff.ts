// Unified diff of two texts by lines (Myers' O(ND) algorithm).

type Edit = { readonly kind: ' ' | '-' | '+'; readonly line: string };

/** Lines around a change that give it its place. */
const contextLines = 3;

/** Unified diff with `--- before` and `+++ after` heads; '' when the texts are equal. */
export function unifiedDiff(
  before: { readonly name: string; readonly text: string },
  after: { readonly name: string; readonly text: string },
): string {
  if (before.text === after.text) return '';
  const edits = diffLines(lines(before.text), lines(after.text));
  return `--- ${before.name}\n+++ ${after.name}\n${hunks(edits).join('')}`;
}

function lines(text: string): readonly string[] {
  if (text === '') return [];
  return text.replace(/\n$/, '').split('\n');
}

/** The shortest edit script. */
export function diffLines(a: readonly string[], b: readonly string[]): readonly Edit[] {
  const trace: Map<number, number>[] = [];
  const furthest = new Map<number, number>([[1, 0]]);
  const end = a.length + b.length;
  for (let distance = 0; distance <= end; distance++) {
    trace.push(new Map(furthest));
    for (let diagonal = -distance; diagonal <= distance; diagonal += 2) {
      const down =
        diagonal === -distance ||
        (diagonal !== distance && (furthest.get(diagonal - 1) ?? -1) < (furthest.get(diagonal + 1) ?? -1));
      let x = down ? (furthest.get(diagonal + 1) ?? 0) : (furthest.get(diagonal - 1) ?? 0) + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++;
      furthest.set(diagonal, x);
      if (x >= a.length && x - diagonal >= b.length) return backtrack(a, b, trace);
    }
  }
  return [];
}

function backtrack(
  a: readonly string[],
  b: readonly string[],
  trace: readonly ReadonlyMap<number, number>[],
): readonly Edit[] {
  const edits: Edit[] = [];
  let [x, y] = [a.length, b.length];
  for (let distance = trace.length - 1; distance >= 0; distance--) {
    const furthest = trace[distance];
    const diagonal = x - y;
    const down =
      diagonal === -distance ||
      (diagonal !== distance && (furthest?.get(diagonal - 1) ?? -1) < (furthest?.get(diagonal + 1) ?? -1));
    const previous = down ? diagonal + 1 : diagonal - 1;
    const fromX = furthest?.get(previous) ?? 0;
    const fromY = fromX - previous;
    for (; x > fromX && y > fromY && x > 0 && y > 0; y--) edits.push({ kind: ' ', line: a[--x] ?? '' });
    if (distance === 0) break;
    edits.push(down ? { kind: '+', line: b[--y] ?? '' } : { kind: '-', line: a[--x] ?? '' });
  }
  return edits.reverse();
}

function hunks(edits: readonly Edit[]): readonly string[] {
  const wanted = edits.map((_, index) =>
    edits.slice(Math.max(0, index - contextLines), index + contextLines + 1).some((edit) => edit.kind !== ' '),
  );
  const found: string[] = [];
  let [oldLine, newLine] = [1, 1];
  for (let index = 0; index < edits.length; ) {
    if (!wanted[index]) {
      oldLine++;
      newLine++;
      index++;
      continue;
    }
    let end = index;
    while (end < edits.length && wanted[end]) end++;
    const part = edits.slice(index, end);
    const [oldCount, newCount] = [
      part.filter((edit) => edit.kind !== '+').length,
      part.filter((edit) => edit.kind !== '-').length,
    ];
    found.push(
      `@@ -${oldLine},${oldCount} +${newLine},${newCount} @@\n${part.map((edit) => `${edit.kind}${edit.line}\n`).join('')}`,
    );
    oldLine += oldCount;
    newLine += newCount;
    index = end;
  }
  return found;
}
