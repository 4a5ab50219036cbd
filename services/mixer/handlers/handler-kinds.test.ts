import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { parseDocuments } from '../../../mesh/config/parse.ts';
import { formatProblem } from '../../../mesh/config/problem.ts';
import { adapterSchemas, adapterTemplates } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { validateObjects } from '../../../mesh/config/validate.ts';
import { builtInKinds } from './handler-kinds.ts';
import { Exposition } from './prometheus.ts';

const kinds = [...builtInKinds(new Exposition(), { facts: new MemoryLog(), name: 'mixer' }).values()];

describe('the built-in handlers', () => {
  it.each(kinds.map(({ name, templates }) => [name, templates] as const))(
    '%s has parameters, and a page with its templates and YAML that applies',
    (name, templates) => {
      expect(adapterSchemas.has(name)).toBe(true);
      expect(adapterTemplates.get(name)).toEqual(templates);
      const path = join(import.meta.dirname, `../../../docs/handlers/${name}.md`);
      expect(existsSync(path), path).toBe(true);
      const page = readFileSync(path, 'utf8');
      const listed = /^Templates: (.*)\.$/m.exec(page)?.[1]?.split(', ');
      expect(new Set(listed)).toEqual(new Set(templates));
      for (const [, yaml = ''] of page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)) {
        const { objects, problems } = parseDocuments(yaml);
        expect([...problems, ...validateObjects(objects)].map(formatProblem)).toEqual([]);
      }
    },
  );
});
