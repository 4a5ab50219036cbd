import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffLines, unifiedDiff } from './line-diff.ts';

describe('unifiedDiff', () => {
  it('shows a change with three lines around it', () => {
    const lines = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const before = `${lines.join('\n')}\n`;
    const after = before.replace('e\n', 'E\n');
    expect(unifiedDiff({ name: 'live', text: before }, { name: 'file', text: after })).toBe(
      '--- live\n+++ file\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n',
    );
  });

  it('is empty for equal texts and whole for a new one', () => {
    expect(unifiedDiff({ name: 'a', text: 'x\n' }, { name: 'b', text: 'x\n' })).toBe('');
    expect(unifiedDiff({ name: 'a', text: '' }, { name: 'b', text: 'x\ny\n' })).toContain('+x\n+y\n');
  });
});

describe('diffLines', () => {
  const texts = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });
  it('always turns the first text into the second', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const edits = diffLines(a, b);
        expect(edits.filter((edit) => edit.kind !== '+').map((edit) => edit.line)).toEqual(a);
        expect(edits.filter((edit) => edit.kind !== '-').map((edit) => edit.line)).toEqual(b);
      }),
    );
  });

  it('keeps what is common', () => {
    expect(diffLines(['a', 'b', 'c'], ['a', 'c']).filter((edit) => edit.kind !== ' ')).toEqual([
      { kind: '-', line: 'b' },
    ]);
  });
});
