import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findBoundaryProblems } from './import-boundaries.ts';

function problemsIn(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'periplus-boundaries-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  try {
    return findBoundaryProblems(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe('findBoundaryProblems', () => {
  it('given an import from a floor above, names both files', () => {
    expect(
      problemsIn({ 'mesh/a.ts': "import { b } from '../services/pilot/b.ts';", 'services/pilot/b.ts': '' }),
    ).toEqual(['mesh/a.ts: imports services/pilot/b.ts from a floor above (3 > 2)']);
  });

  it('given a service that imports another, or an adapter, refuses both', () => {
    const problems = problemsIn({
      'services/pilot/a.ts': "import { c } from '../citadel/c.ts';\nimport { d } from '../../adapters/files/d.ts';",
      'services/citadel/c.ts': '',
      'adapters/files/d.ts': '',
    });
    expect(problems).toHaveLength(2);
  });

  it('given an npm client outside its home, refuses it', () => {
    expect(problemsIn({ 'cli/a.ts': "import { Container } from 'inversify';" })).toEqual([
      'cli/a.ts: inversify may only be imported in run/compose.ts',
    ]);
  });

  it('given a circle, shows it; type imports may circle', () => {
    expect(
      problemsIn({ 'lib/a.ts': "import { b } from './b.ts';", 'lib/b.ts': "import { a } from './a.ts';" }),
    ).toEqual(['circle: lib/a.ts → lib/b.ts → lib/a.ts']);
    expect(
      problemsIn({ 'lib/a.ts': "import { b } from './b.ts';", 'lib/b.ts': "import type { A } from './a.ts';" }),
    ).toEqual([]);
  });

  it('given this tree, finds nothing', () => {
    expect(findBoundaryProblems(resolve(import.meta.dirname, '..'))).toEqual([]);
  });
});
