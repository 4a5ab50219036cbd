import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocuments } from './parse.ts';
import { formatProblem } from './problem.ts';
import { goldenFiles } from './testdata/golden-fixture.ts';
import { validateObjects } from './validate.ts';

describe('what is said about configuration files', () => {
  for (const golden of goldenFiles(join(import.meta.dirname, 'testdata'))) {
    it(golden.name, () => {
      const file = `${golden.name}.yaml`;
      const { objects, problems } = parseDocuments(golden.input, { file });
      const said = [...problems, ...validateObjects(objects)].map(
        (problem) => `- ${JSON.stringify(formatProblem(problem))}\n`,
      );
      const accepted = objects.map((object) => `- ${object.kind}/${object.namespace}/${object.name}\n`);
      const actual = `problems:\n${said.join('')}parsed:\n${accepted.join('')}`;
      expect(actual).toBe(golden.expected(actual));
    });
  }
});
